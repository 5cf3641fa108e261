import assert from 'node:assert/strict'
import test from 'node:test'
import { nowNs, storableNs } from '../../../src/vfs/clock.ts'

const MS = 1_000_000n

test('stays with the wall clock and tells moments within a millisecond apart', () => {
  const times = new Set<bigint>()
  for (let i = 0; i < 1000; i++) {
    const before = BigInt(Date.now()) * MS
    const now = nowNs()
    const after = BigInt(Date.now() + 1) * MS
    assert.ok(now >= before - 2n * MS && now <= after + 2n * MS)
    times.add(now)
  }
  assert.ok(times.size > 500)
})

test('follows the wall clock when it is set', (t) => {
  const real = Date.now()
  t.mock.method(Date, 'now', () => real + 3_600_000)
  assert.equal(nowNs() / (3_600n * 1000n * MS), BigInt(real + 3_600_000) / (3_600n * 1000n))
  t.mock.restoreAll()
  const back = nowNs()
  assert.ok(back <= BigInt(Date.now() + 3) * MS, 'and back')
})

test('a time outside of what can be stored becomes the nearest inside', () => {
  assert.equal(storableNs(2n ** 70n), 2n ** 63n - 1n)
  assert.equal(storableNs(-(2n ** 70n)), -(2n ** 63n))
  assert.equal(storableNs(-5n), -5n)
})
