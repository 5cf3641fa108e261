import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { Client } from '../../../src/cli/client.ts'
import { ControlServer, type Handlers } from '../../../src/daemon/control-server.ts'
import { FrameParser } from '../../../src/daemon/control-wire.ts'
import { DfsError } from '../../../src/errors.ts'
import { temporaryDirectory } from './temporary.ts'

const GREETING = { hello: () => ({ pid: 1, home: '/', initialised: false }) }

async function serve(t: TestContext, handlers: Partial<Handlers>, onClients: () => void = () => undefined) {
  const socket = path.join(temporaryDirectory(t), 'control.sock')
  // What a killed daemon left behind.
  writeFileSync(socket, '')
  const server = await ControlServer.listen({ socket, handlers: { ...GREETING, ...handlers } as Handlers, onClients })
  t.after(() => void server.stop())
  const client = await Client.connect(socket)
  assert.ok(client)
  t.after(() => client.close())
  return { server, socket, client }
}

test('a result comes back, and the socket is private', async (t) => {
  const { client, socket } = await serve(t, { id: () => ({ device: 'd', name: 'n', owner: 'o', home: 'h' }) })
  assert.deepEqual(await client.call('id', {}), { device: 'd', name: 'n', owner: 'o', home: 'h' })
  assert.equal(statSync(socket).mode & 0o777, 0o600)
})

test('an error comes back as it was thrown', async (t) => {
  const { client } = await serve(t, {
    id: () => {
      throw new DfsError('busy', 'is in use', { subject: '/x', mend: 'wait', op: 'umount' })
    },
  })
  await assert.rejects(client.call('id', {}), {
    kind: 'busy',
    message: 'is in use',
    subject: '/x',
    mend: 'wait',
    op: 'umount',
  })
})

test('parameters of another shape are refused', async (t) => {
  const { client } = await serve(t, {})
  const call = client.call.bind(client) as (method: string, params: unknown) => Promise<unknown>
  await assert.rejects(call('umount', {}), { kind: 'invalid' })
  await assert.rejects(call('umount', { folder: '/a\0b' }), { kind: 'invalid' })
  await assert.rejects(call('umount', { folder: '/a', more: 1 }), { kind: 'invalid' })
  await assert.rejects(call('umount', ['/a']), { kind: 'invalid' })
  await assert.rejects(call('toString', {}), { kind: 'invalid' })
})

test('content and progress come in order, and a slow reader slows the sender', async (t) => {
  let sent = 0
  const pieces = 64
  const { client } = await serve(t, {
    read: async (_, call) => {
      for (; sent < pieces; sent++) await call.sendBytes(Buffer.alloc(256 * 1024, sent))
      return { name: 'x', size: 0, mode: 0, mtimeMs: 0 }
    },
  })
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const { promise: first, resolve: gotFirst } = Promise.withResolvers<void>()
  const received: number[] = []
  const reading = client.call(
    'read',
    { path: '/x' },
    {
      onBytes: async (bytes) => {
        received.push(bytes[0]!)
        gotFirst()
        await released
      },
    },
  )
  await first
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(sent < pieces, `${sent} pieces were sent though none was taken`)
  release()
  await reading
  assert.deepEqual(
    received,
    Array.from({ length: pieces }, (_, i) => i),
  )
})

test('a client that hangs up aborts what it asked for', async (t) => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const { promise: started, resolve: start } = Promise.withResolvers<void>()
  const { client } = await serve(t, {
    gc: (_, { signal }) => {
      start()
      signal.addEventListener('abort', () => resolve())
      return new Promise(() => undefined)
    },
  })
  client.call('gc', {}).catch(() => undefined)
  await started
  client.close()
  await aborted
})

test('malformed input is answered with an error, and the connection ends', async (t) => {
  const { socket } = await serve(t, {})
  const raw = connect(socket)
  raw.write(Buffer.from([255, 255, 255, 255, 0]))
  const parser = new FrameParser()
  const answers: unknown[] = []
  raw.on('data', (bytes) => answers.push(...parser.push(bytes)))
  await once(raw, 'end')
  assert.partialDeepStrictEqual(answers, [{ value: { error: { kind: 'invalid' } } }])
})

test('too many waiting requests end the connection', async (t) => {
  const { client } = await serve(t, { gc: () => new Promise(() => undefined) })
  const calls = Array.from({ length: 30 }, () => client.call('gc', {}))
  for (const call of calls.slice(0, -1)) call.catch(() => undefined)
  await assert.rejects(calls.at(-1)!, { kind: 'invalid' })
})

test('a client that leaves keeps no daemon running', async (t) => {
  const { promise: left, resolve } = Promise.withResolvers<void>()
  let server: ControlServer | undefined
  const served = await serve(
    t,
    {
      awaitEnd: (_, { leave }) => {
        leave()
        return new Promise<never>(() => undefined)
      },
    },
    () => server?.clients === 0 && resolve(),
  )
  server = served.server
  assert.equal(server.clients, 1)
  served.client.call('awaitEnd', {}).catch(() => undefined)
  await left
})

test('requests to a daemon that stops fail with not-running', async (t) => {
  const { client, server } = await serve(t, {})
  void server.stop()
  await assert.rejects(client.call('id', {}), { kind: 'not-running' })
})
