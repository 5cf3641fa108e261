import assert from 'node:assert/strict'
import test from 'node:test'
import { Budget } from '../../../src/concurrency/budget.ts'

/** Whether a promise has settled once all that can happen now has happened. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false
  const mark = () => {
    done = true
  }
  promise.then(mark, mark)
  await new Promise(setImmediate)
  return done
}

test('what fits is taken at once', async () => {
  const budget = new Budget(10)
  await budget.take(4)
  await budget.take(6)
  assert.equal(budget.used, 10)
  budget.give(10)
  assert.equal(budget.used, 0)
})

test('what does not fit waits until enough is given back', async () => {
  const budget = new Budget(10)
  await budget.take(8)
  const waiting = budget.take(5)
  budget.give(2)
  assert.equal(await settled(waiting), false)
  budget.give(1)
  await waiting
  assert.equal(budget.used, 10)
})

test('a small taker does not overtake a large one that waits', async () => {
  const budget = new Budget(10)
  await budget.take(6)
  const large = budget.take(8)
  const small = budget.take(1)
  assert.equal(await settled(small), false)
  budget.give(6)
  await Promise.all([large, small])
  assert.equal(budget.used, 9)
})

test('a taker larger than the budget passes alone', async () => {
  const budget = new Budget(10)
  await budget.take(1)
  const large = budget.take(50)
  const next = budget.take(1)
  assert.equal(await settled(large), false)
  budget.give(1)
  await large
  assert.equal(budget.used, 50)
  assert.equal(await settled(next), false)
  budget.give(50)
  await next
  assert.equal(budget.used, 1)
})

test('a taker that gives up takes nothing and lets those behind pass', async () => {
  const budget = new Budget(10)
  await budget.take(5)
  const controller = new AbortController()
  const large = budget.take(10, controller.signal)
  const small = budget.take(5)
  controller.abort()
  await assert.rejects(large, { kind: 'aborted' })
  await small
  assert.equal(budget.used, 10)
})

test('an aborted signal takes nothing, and one aborted later changes nothing', async () => {
  const budget = new Budget(10)
  await assert.rejects(budget.take(1, AbortSignal.abort()), { kind: 'aborted' })
  assert.equal(budget.used, 0)
  await budget.take(10)
  const controller = new AbortController()
  const waiting = budget.take(3, controller.signal)
  budget.give(10)
  await waiting
  controller.abort()
  assert.equal(budget.used, 3)
})

test('giving back more than was taken is a broken invariant', () => {
  assert.throws(() => new Budget(10).give(1), { name: 'AssertionError' })
})
