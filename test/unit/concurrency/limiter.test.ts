import assert from 'node:assert/strict'
import test from 'node:test'
import { Limiter } from '../../../src/concurrency/limiter.ts'

test('no more runs at once than the limit, and all of it runs in order', async () => {
  const limiter = new Limiter(3)
  let running = 0
  let most = 0
  const started: number[] = []
  const work = (index: number) => async () => {
    started.push(index)
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    return index
  }
  const results = await Promise.all(Array.from({ length: 10 }, (_, index) => limiter.run(work(index))))
  const expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  assert.deepEqual(results, expected)
  assert.deepEqual(started, expected)
  assert.equal(most, 3)
})

test('work that fails gives its place back', async () => {
  const limiter = new Limiter(1)
  await assert.rejects(
    limiter.run(async () => {
      throw new Error('no')
    }),
    /no/,
  )
  assert.equal(await limiter.run(async () => 7), 7)
})
