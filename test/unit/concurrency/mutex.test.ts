import assert from 'node:assert/strict'
import test from 'node:test'
import { Mutex } from '../../../src/concurrency/mutex.ts'

test('work runs one at a time, in the order in which it came', async () => {
  const mutex = new Mutex()
  const events: string[] = []
  const work = (name: string) => async () => {
    events.push(`${name} starts`)
    await new Promise(setImmediate)
    events.push(`${name} ends`)
  }
  await Promise.all(['a', 'b', 'c'].map((name) => mutex.run(work(name))))
  assert.deepEqual(events, ['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends'])
})

test('a newcomer does not overtake those who wait', async () => {
  const mutex = new Mutex()
  const order: number[] = []
  const first = mutex.run(() => {})
  const second = mutex.run(() => order.push(2))
  // Comes in the very step in which the lock passes from the first to the second.
  const third = first.then(() => mutex.run(() => order.push(3)))
  await Promise.all([second, third])
  assert.deepEqual(order, [2, 3])
})

test('the result and the failure of the work are the caller’s, and a failure frees the lock', async () => {
  const mutex = new Mutex()
  await assert.rejects(
    mutex.run(() => {
      throw new Error('no')
    }),
    /no/,
  )
  assert.equal(await mutex.run(() => 7), 7)
  assert.equal(mutex.locked, false)
})

test('locked says whether work runs', async () => {
  const mutex = new Mutex()
  assert.equal(mutex.locked, false)
  const running = mutex.run(() => assert.equal(mutex.locked, true))
  assert.equal(mutex.locked, true)
  await running
  assert.equal(mutex.locked, false)
})
