import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { runAll } from '../../../src/concurrency/run-all.ts'

test('steps that finish at once need no promise', () => {
  const done: number[] = []
  assert.equal(
    runAll([1, 2, 3], (item) => void done.push(item)),
    undefined,
  )
  assert.deepEqual(done, [1, 2, 3])
})

test('a failure at once, with nothing at work, is thrown', () => {
  assert.throws(() => runAll([1, 2], () => assert.fail('no')), /no/)
})

test('a failure is told only when nothing is at work, and no other one is left unheard', async () => {
  const events: string[] = []
  const step = (item: string): void | Promise<void> => {
    if (item === 'now') throw new Error('now')
    return delay(item === 'late' ? 20 : 1).then(() => {
      events.push(item)
      if (item === 'soon') throw new Error('soon')
    })
  }
  await assert.rejects(async () => runAll(['late', 'soon', 'now', 'never'], step), /soon/)
  assert.deepEqual(events, ['soon', 'late'])
  await assert.rejects(async () => runAll(['late', 'now', 'never'], step), /now/)
  assert.deepEqual(events, ['soon', 'late', 'late'])
})
