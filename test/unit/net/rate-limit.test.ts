import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateLimit } from '../../../src/net/rate-limit.ts'

test('a key may act in a burst, and then at its rate', () => {
  let now = 0
  const limit = new RateLimit({ perSecond: 2, burst: 3, now: () => now })
  const take = (count: number) => Array.from({ length: count }, () => limit.take('a')).filter(Boolean).length
  assert.equal(take(10), 3)
  now = 1_000
  assert.equal(take(10), 2)
  now = 60_000
  assert.equal(take(10), 3)
  assert.ok(limit.take('b'))
})

test('it remembers so many keys and no more', () => {
  const limit = new RateLimit({ perSecond: 1, burst: 1, keysMax: 2, now: () => 0 })
  assert.deepEqual(
    ['a', 'b', 'a', 'c', 'b', 'c'].map((key) => limit.take(key)),
    [true, true, false, true, true, false],
  )
})
