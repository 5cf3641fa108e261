import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Turns } from '../../../src/concurrency/turns.ts'

function recorder() {
  const turns = new Turns<string>()
  const events: string[] = []
  const run = (name: string, keys: string, more: { until?: Promise<unknown>; signal?: AbortSignal } = {}) => {
    const work = async () => {
      events.push(`${name} starts`)
      await (more.until ?? setImmediate())
      events.push(`${name} ends`)
    }
    return turns.run(keys, work, more.signal)
  }
  return { turns, events, run }
}

test('work for a key runs one at a time, in the order in which it came', async () => {
  const { events, run } = recorder()
  await Promise.all([run('a', 'x'), run('b', 'xy'), run('c', 'y')])
  assert.deepEqual(events, ['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends'])
})

test('work for other keys does not wait', async () => {
  const { events, run } = recorder()
  const ended = Promise.withResolvers<void>()
  const long = run('long', 'xy', { until: ended.promise })
  await run('short', 'z')
  ended.resolve()
  await long
  assert.deepEqual(events, ['long starts', 'short starts', 'short ends', 'long ends'])
})

test('who gives up waiting lets nobody overtake the earlier ones', async () => {
  const { events, run } = recorder()
  const ended = Promise.withResolvers<void>()
  const first = run('first', 'x', { until: ended.promise })
  const giving = new AbortController()
  const second = run('second', 'x', { signal: giving.signal })
  const third = run('third', 'x')
  giving.abort(new Error('no more'))
  await assert.rejects(second, /no more/)
  await setImmediate()
  assert.deepEqual(events, ['first starts'])
  ended.resolve()
  await Promise.all([first, third])
  assert.deepEqual(events, ['first starts', 'first ends', 'third starts', 'third ends'])
})

test('the result and the failure of the work are the caller’s, and a failure lets the next come', async () => {
  const { turns } = recorder()
  await assert.rejects(
    turns.run('x', async () => {
      throw new Error('no')
    }),
    /no/,
  )
  assert.equal(await turns.run('x', async () => 7), 7)
})

test('two who have several keys in common never wait for each other', async () => {
  const { events, run } = recorder()
  await Promise.all([run('a', 'xy'), run('b', 'yx'), run('c', 'xy')])
  assert.equal(events.length, 6)
})
