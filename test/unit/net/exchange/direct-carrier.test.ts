/** The direct carrier on loopback: who gets in, and what comes over it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Budget } from '../../../../src/concurrency/budget.ts'
import { digestOfCid } from '../../../../src/format/cid.ts'
import { AskingChannel } from '../../../../src/net/exchange/asking-channel.ts'
import { realClock } from '../../../../src/net/exchange/clock.ts'
import { DirectCarrier } from '../../../../src/net/exchange/direct-carrier.ts'
import { serve } from '../../../../src/net/exchange/server.ts'
import type { FrameChannel } from '../../../../src/net/framing.ts'
import { cidOf } from './small-network.ts'

async function carrier(t: TestContext, onChannel: (channel: FrameChannel, peerId: string) => void = () => {}) {
  const made = await DirectCarrier.listen({ hosts: ['127.0.0.1'], onChannel })
  t.after(() => made.close())
  return made
}

test('two devices that know each other get a channel; nobody else does', async (t) => {
  const met = Promise.withResolvers<string>()
  const server = await carrier(t, (_channel, peerId) => met.resolve(peerId))
  const [client, stranger] = [await carrier(t), await carrier(t)]
  server.announce('client', client.fingerprint)
  const place = { host: '127.0.0.1', port: server.port, fingerprint: server.fingerprint }

  const refused = await stranger.connect(place)
  await assert.rejects(async () => {
    for await (const frame of refused) assert.fail(`a frame of ${frame.length} bytes`)
    throw new Error('hung up on')
  })
  await client.connect(place)
  assert.equal(await met.promise, 'client')
  // Once announced, once let in.
  await assert.rejects(client.connect(place), { kind: 'unreachable' })
})

test('a server with another certificate than the agreed one is not spoken with', async (t) => {
  const [server, client] = [await carrier(t), await carrier(t)]
  server.announce('client', client.fingerprint)
  const place = { host: '127.0.0.1', port: server.port, fingerprint: randomBytes(32) }
  await assert.rejects(client.connect(place), { kind: 'unreachable' })
})

test('while nobody is announced, connections are closed before any handshake', async (t) => {
  const server = await carrier(t)
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'close')
})

test('blocks come whole over it, and one that was called off is written to no more', async (t) => {
  const blocks = new Map(Array.from({ length: 30 }, () => randomBytes(1_000_000)).map((block) => [cidOf(block), block]))
  const server = await carrier(t, (channel) => {
    void serve(channel, {
      blocks: { has: (cid) => blocks.has(cid), read: async (cid) => blocks.get(cid) },
      rooms: [],
      budget: new Budget(8_000_000),
      clock: realClock,
      itemRate: { perSecond: 1e6, burst: 1e6 },
      byteRate: { perSecond: 1e12, burst: 1e12 },
      giveWay: () => undefined,
      isAllowed: () => true,
      onMessage: () => {},
    })
  })
  const client = await carrier(t)
  server.announce('client', client.fingerprint)
  const channel = await client.connect({ host: '127.0.0.1', port: server.port, fingerprint: server.fingerprint })
  const asking = new AskingChannel(channel, { onEnded: () => {} })
  const abandoned: Buffer[] = []
  const whole = [...blocks].map(([cid, block], i) => {
    const into = Buffer.alloc(block.length)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const asked = { digest: digestOfCid(cid), blockBytes: block.length, mode: 'bulk', from: 0, to: 0 } as const
    const id = asking.ask(asked, {
      into,
      onPiece: () => {
        // Between two pieces, while the next one may be on its way into its place.
        if (i % 3 !== 1) return
        setImmediate(() => {
          if (!asking.cancel(id)) return
          into.fill(0)
          abandoned.push(into)
          resolve()
        })
      },
      onWhole: () => {
        if (i % 3 !== 1) assert(into.equals(block))
        resolve()
      },
      onMissing: () => reject(new Error('missing')),
      onFailed: reject,
    })
    return promise
  })
  await Promise.all(whole)
  assert(abandoned.length > 0)
  for (const into of abandoned)
    assert(
      into.every((byte) => byte === 0),
      'nothing was written after the end',
    )
})
