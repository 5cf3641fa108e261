import assert from 'node:assert/strict'
import test from 'node:test'
import { Recent } from '../../../../src/cli/ui/recent.ts'

const LONG_MS = 1_000_000
const REST = { restMs: LONG_MS, rests: 0 }

test('is found out once for all who look, and again once it is known to be old', async () => {
  let count = 0
  const recent = new Recent(async () => ++count, REST)
  const both = await Promise.all([recent.look(LONG_MS), recent.look(LONG_MS)])
  assert.deepEqual(
    both.map((found) => found?.value),
    [1, 1],
  )
  assert.equal((await recent.look(LONG_MS))?.value, 1)
  recent.expire()
  assert.equal((await recent.look(LONG_MS))?.value, 2)
})

test('what takes too long is not waited for', async () => {
  const { promise, resolve } = Promise.withResolvers<number>()
  const recent = new Recent(() => promise, REST)
  assert.equal(await recent.look(1), undefined)
  resolve(7)
  assert.equal((await recent.look(LONG_MS))?.value, 7)
})

test('a failure is told while nothing is known; later what is known stays', async () => {
  let fails = true
  const recent = new Recent(async () => {
    if (fails) throw new Error('no')
    return 1
  }, REST)
  await assert.rejects(recent.look(LONG_MS), /no/)
  fails = false
  await recent.look(LONG_MS)
  fails = true
  recent.expire()
  assert.equal((await recent.look(LONG_MS))?.value, 1)
})
