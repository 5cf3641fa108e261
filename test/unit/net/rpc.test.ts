import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { DfsError } from '../../../src/errors.ts'
import { type Call, type Handlers, Rpc } from '../../../src/net/rpc.ts'

interface Calls {
  add: Call<{ a: number; b: number }, number>
  fail: Call<void, void>
  wait: Call<void, void>
  count: Call<number, string, number>
  bytes: Call<Uint8Array, Uint8Array>
}

interface Back {
  greet: Call<string, string>
}

function open(t: TestContext, handlers: Partial<Handlers<Calls>> = {}): Rpc<Calls, Back> {
  const { port1, port2 } = new MessageChannel()
  t.after(() => port1.close())
  const served: Rpc<Back, Calls> = new Rpc<Back, Calls>(port1, {
    add: ({ a, b }) => a + b,
    fail: () => {
      throw new DfsError('no-space', 'full', { op: 'put', subject: 'x', mend: 'buy a disk' })
    },
    wait: (_params, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    count: async (to, { part }) => {
      for (let at = 1; at <= to; at++) part(at)
      return served.call('greet', 'you')
    },
    bytes: (bytes, { transfer }) => {
      transfer(bytes.buffer as ArrayBuffer)
      return bytes
    },
    ...handlers,
  })
  return new Rpc<Calls, Back>(port2, { greet: (name) => `hello ${name}` })
}

test('a call gets its result, and errors keep kind, subject and mend', async (t) => {
  const rpc = open(t)
  assert.equal(await rpc.call('add', { a: 2, b: 3 }), 5)
  await assert.rejects(rpc.call('fail', undefined), { kind: 'no-space', op: 'put', subject: 'x', mend: 'buy a disk' })
})

test('parts come before the result, and both sides may call', async (t) => {
  const parts: number[] = []
  assert.equal(await open(t).call('count', 3, { onPart: (part) => parts.push(part) }), 'hello you')
  assert.deepEqual(parts, [1, 2, 3])
})

test('a cancelled call ends here and its handler there', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const rpc = open(t, {
    wait: (_params, { signal }) => new Promise(() => signal.addEventListener('abort', () => resolve())),
  })
  const controller = new AbortController()
  const call = rpc.call('wait', undefined, { signal: controller.signal })
  controller.abort()
  await assert.rejects(call, { kind: 'aborted' })
  await promise
  await assert.rejects(rpc.call('wait', undefined, { signal: AbortSignal.timeout(1) }), { kind: 'timeout' })
})

test('named memory moves there and back', async (t) => {
  const bytes = new Uint8Array([1, 2, 3])
  const back = await open(t).call('bytes', bytes, { transfer: [bytes.buffer] })
  assert.equal(bytes.length, 0)
  assert.deepEqual(back, new Uint8Array([1, 2, 3]))
})

test('closing ends all calls, and those to come', async (t) => {
  const rpc = open(t)
  const call = assert.rejects(rpc.call('wait', undefined), /over/)
  rpc.close(new DfsError('unreachable', 'over'))
  await call
  await assert.rejects(rpc.call('add', { a: 1, b: 1 }), /over/)
})

test('what cannot be sent fails the call, and an unknown method too', async (t) => {
  const rpc = open(t, { bytes: () => (() => {}) as never })
  await assert.rejects(rpc.call('bytes', new Uint8Array()), { kind: 'internal' })
  await assert.rejects(rpc.call('add', (() => {}) as never), { name: 'DataCloneError' })
  await assert.rejects(rpc.call('nothing' as never, undefined as never), { kind: 'internal' })
})
