/** Protocols of messages between real nodes on loopback. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { streamChannel } from '../../../src/net/framing.ts'
import { MessageStreams, type MessageStreamsOptions } from '../../../src/net/message-streams.ts'
import type { DfsNode } from '../../../src/net/node.ts'
import { startNode } from './support/node.ts'

const PROTOCOL = '/test/messages/1'
const BYTES_MAX = 300_000

type Options = Partial<Pick<MessageStreamsOptions, 'isPartner' | 'onMessage' | 'rate'>>

class Side {
  readonly node: DfsNode
  readonly streams: MessageStreams

  constructor(node: DfsNode, options: Options) {
    this.node = node
    const onMessage = async () => {}
    this.streams = new MessageStreams({ protocol: PROTOCOL, bytesMax: BYTES_MAX, node, onMessage, ...options })
  }

  send(to: Side, text: string): Promise<void> {
    return this.streams.send(to.node.peerId, Buffer.from(text, 'latin1'))
  }
}

/** Two that are connected with each other. */
async function two(t: TestContext, first: Options = {}, second: Options = {}): Promise<[Side, Side]> {
  const a = new Side(await startNode(t), first)
  const b = new Side(await startNode(t), second)
  for (const { streams } of [a, b]) {
    await streams.start()
    t.after(() => streams.stop())
  }
  const channel = streamChannel(await a.node.open(b.node.addresses()[0]!, '/ipfs/ping/1.0.0'), { bytesMax: 1 })
  channel.abort(new Error('only to be connected'))
  return [a, b]
}

/** An `onMessage` that keeps what came; `until` resolves once so many came. */
function inbox() {
  const texts: string[] = []
  const waiting: { count: number; resolve: () => void }[] = []
  return {
    texts,
    onMessage: async (_: string, message: Buffer) => {
      texts.push(message.toString('latin1'))
      for (const { count, resolve } of waiting) if (texts.length >= count) resolve()
    },
    until: (count: number) =>
      new Promise<void>((resolve) => {
        if (texts.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
  }
}

test('messages come in the order in which they were sent, both ways, the longest too', {
  timeout: 20_000,
}, async (t) => {
  const [atA, atB] = [inbox(), inbox()]
  const [a, b] = await two(t, { onMessage: atA.onMessage }, { onMessage: atB.onMessage })
  const texts = ['', ...Array.from({ length: 200 }, (_, at) => `number ${at}`), 'x'.repeat(BYTES_MAX)]
  await Promise.all([...texts.map((text) => a.send(b, text)), ...texts.map((text) => b.send(a, text))])
  await Promise.all([atA.until(texts.length), atB.until(texts.length)])
  assert.deepEqual(atA.texts, texts)
  assert.deepEqual(atB.texts, texts)
})

test('one message of a peer is handed on at a time, and who sends more waits for the receiver', {
  timeout: 20_000,
}, async (t) => {
  const gate = Promise.withResolvers<void>()
  const done = Promise.withResolvers<void>()
  const count = 100
  let [running, most, heard] = [0, 0, 0]
  const onMessage = async () => {
    most = Math.max(most, ++running)
    await gate.promise
    running--
    if (++heard === count) done.resolve()
  }
  const [a, b] = await two(t, {}, { onMessage })
  let sent = 0
  const large = 'x'.repeat(BYTES_MAX)
  const sending = Array.from({ length: count }, () => a.send(b, large).then(() => sent++))
  // As many as fit into the windows of the stream between them go out; all together are 30 MB.
  await Promise.race(sending)
  assert(sent < count)
  gate.resolve()
  await Promise.all(sending)
  await done.promise
  assert.equal(most, 1)
})

test('who is no partner is refused before anything of it is read, and nothing is sent to it', {
  timeout: 20_000,
}, async (t) => {
  const atB = inbox()
  const [a, b] = await two(t, {}, { isPartner: () => false, onMessage: atB.onMessage })
  const channel = streamChannel(await a.node.open(b.node.peerId, PROTOCOL), { bytesMax: BYTES_MAX })
  channel.send(Buffer.from('hello')).catch(() => undefined)
  await assert.rejects(async () => {
    for await (const _ of channel) assert.fail('it answers')
  })
  assert.deepEqual(atB.texts, [])
  await assert.rejects(b.send(a, 'hello'), { kind: 'no-permission' })
})

test('a message that fails ends its stream, and the next one comes on another', { timeout: 20_000 }, async (t) => {
  const good = Promise.withResolvers<void>()
  const failed = Promise.withResolvers<void>()
  const onMessage = async (_: string, message: Buffer) => {
    if (message.toString() === 'good') return good.resolve()
    failed.resolve()
    throw new Error('no message')
  }
  const [a, b] = await two(t, {}, { onMessage })
  await a.send(b, 'bad')
  await failed.promise
  let isHeard = false
  void good.promise.then(() => (isHeard = true))
  while (!isHeard) await Promise.race([a.send(b, 'good').catch(() => undefined), good.promise])
})

test('a message that is too long is not taken', { timeout: 20_000 }, async (t) => {
  const atB = inbox()
  const [a, b] = await two(t, {}, { onMessage: atB.onMessage })
  const channel = streamChannel(await a.node.open(b.node.peerId, PROTOCOL), { bytesMax: BYTES_MAX })
  channel.send(Buffer.alloc(BYTES_MAX + 1)).catch(() => undefined)
  await assert.rejects(async () => {
    for await (const _ of channel) assert.fail('it answers')
  })
  assert.deepEqual(atB.texts, [])
})

test('what comes faster than the rate waits, and is handed on', { timeout: 20_000 }, async (t) => {
  const atB = inbox()
  const rate = { perSecond: 10, burst: 2 }
  const [a, b] = await two(t, {}, { onMessage: atB.onMessage, rate })
  for (let at = 0; at < 6; at++) await a.send(b, `${at}`)
  await atB.until(6)
  assert.deepEqual(atB.texts, ['0', '1', '2', '3', '4', '5'])
})

test('who is away cannot be sent anything', { timeout: 20_000 }, async (t) => {
  const [a, b] = await two(t)
  await b.node.stop()
  await assert.rejects(a.send(b, 'hello'))
})
