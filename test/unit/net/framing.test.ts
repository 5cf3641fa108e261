/** Frames over real libp2p streams and real sockets: one suite for both carriers. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import fc from 'fast-check'
import { DfsError } from '../../../src/errors.ts'
import { FrameAssembler } from '../../../src/net/frame-assembler.ts'
import { type ChannelOptions, type FrameChannel, socketChannel, streamChannel } from '../../../src/net/framing.ts'
import { streamMuxer } from '../../../src/net/libp2p-options.ts'

type Pair = [FrameChannel, FrameChannel]

const carriers: Record<string, (t: TestContext, options: ChannelOptions) => Promise<Pair>> = {
  'a stream': async (_t, options) => {
    const [one, other] = await yamuxStreams()
    return [streamChannel(one, options), streamChannel(other, options)]
  },
  'a socket': async (t, options) => {
    const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    const one = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const [other] = (await once(server, 'connection')) as [net.Socket]
    t.after(() => [one, other].map((socket) => socket.destroy()))
    return [socketChannel(one, options), socketChannel(other, options)]
  },
}

const isKind = (kind: string) => (error: unknown) => error instanceof DfsError && error.kind === kind

async function allOf(channel: FrameChannel): Promise<Buffer[]> {
  const frames: Buffer[] = []
  for await (const frame of channel) frames.push(frame)
  return frames
}

for (const [name, open] of Object.entries(carriers)) {
  test(`${name} carries frames in order, empty and long ones, and ends after the last`, async (t) => {
    const [one, other] = await open(t, { bytesMax: 3_000_000 })
    const frames = [0, 1, 5, 70_000, 0, 3_000_000, 17].map((bytes) => randomBytes(bytes))
    const received = allOf(other)
    for (const frame of frames) await one.send(frame.subarray(0, 3), frame.subarray(3))
    await one.close()
    assert.deepEqual(await received, frames)
    await other.send(Buffer.from('still open this way'))
    await other.close()
    assert.deepEqual((await allOf(one)).map(String), ['still open this way'])
  })

  test(`${name} holds its sender back while nobody reads, and loses nothing`, async (t) => {
    const [one, other] = await open(t, { bytesMax: 100_000 })
    const count = 600
    let sent = 0
    const sending = (async () => {
      for (; sent < count; sent++) await one.send(Buffer.alloc(100_000, sent))
      await one.close()
    })()
    const frames = other[Symbol.asyncIterator]()
    await frames.next()
    const settled = await settledCount(() => sent)
    assert.ok(settled < count, `${settled} sent to a reader that waits`)
    for (let at = 1; at < count; at++) assert.equal((await frames.next()).value[0], at % 256)
    assert.equal((await frames.next()).done, true)
    await sending
  })

  test(`${name} refuses a frame that is too long`, async (t) => {
    const [one, other] = await open(t, { bytesMax: 1_000 })
    await one.send(Buffer.alloc(1_001)).catch(() => {})
    await assert.rejects(allOf(other), isKind('invalid'))
    await assert.rejects(allOf(one), isKind('unreachable'))
  })

  test(`${name} that is aborted ends every wait on both sides`, async (t) => {
    const [one, other] = await open(t, { bytesMax: 1_000_000 })
    const reading = assert.rejects(allOf(one), /why not/)
    const theirs = assert.rejects(allOf(other), isKind('unreachable'))
    one.abort(new DfsError('busy', 'why not'))
    await Promise.all([reading, theirs])
    await assert.rejects(one.send(Buffer.from('x')), /why not/)
  })

  test(`${name} ends by its signal`, async (t) => {
    const controller = new AbortController()
    const [one] = await open(t, { bytesMax: 1_000, signal: controller.signal })
    const reading = assert.rejects(allOf(one), isKind('aborted'))
    controller.abort()
    await reading
  })

  test(`${name} whose reader has left can still send, and takes what comes without keeping it`, async (t) => {
    const [one, other] = await open(t, { bytesMax: 100_000 })
    await one.send(Buffer.from('first'))
    for await (const _frame of other) break
    for (let at = 0; at < 100; at++) await one.send(Buffer.alloc(100_000))
    await other.send(Buffer.from('answer'))
    await other.close()
    assert.deepEqual((await allOf(one)).map(String), ['answer'])
  })
}

test('a stream that ends within a frame is no orderly end', async () => {
  const [one, other] = await yamuxStreams()
  const frames = allOf(streamChannel(other, { bytesMax: 1_000 }))
  one.send(Uint8Array.of(9, 0, 0, 0, 1))
  await one.close()
  await assert.rejects(frames, isKind('unreachable'))
})

test('frames come out whole in whatever pieces they come in', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 })
  fc.assert(
    fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 50 })), (sent, cuts) => {
      const received: Buffer[] = []
      const assembler = new FrameAssembler(200, (frame) => received.push(Buffer.from(frame)))
      let wire = Buffer.concat(sent.flatMap((frame) => [lengthOf(frame), frame]))
      while (wire.length > 0) {
        const bytes = cuts.next().value as number
        assembler.push(wire.subarray(0, bytes))
        wire = wire.subarray(bytes)
      }
      assert.ok(assembler.isBetweenFrames)
      assert.deepEqual(
        received,
        sent.map((frame) => Buffer.from(frame)),
      )
    }),
  )
})

test('a promised length takes no memory before its bytes come', () => {
  const assembler = new FrameAssembler(1_000_000_000, () => {})
  const before = process.memoryUsage().arrayBuffers
  assembler.push(Buffer.from([0, 0, 0, 0x30, 1, 2, 3]))
  assert.ok(process.memoryUsage().arrayBuffers - before < 10_000_000)
})

async function yamuxStreams(): Promise<[Stream, Stream]> {
  const [one, other] = multiaddrConnectionPair()
  const [muxer, theirs] = [one, other].map((connection) => streamMuxer()().createStreamMuxer(connection))
  const accepted = once(theirs! as never, 'stream') as Promise<[CustomEvent<Stream>]>
  const stream = await muxer!.createStream()
  stream.send(Uint8Array.of(0))
  const [{ detail }] = await accepted
  await once(detail as never, 'message')
  return [stream, detail]
}

function lengthOf(frame: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(frame.length)
  return length
}

/** The value once it has not changed for a while. */
async function settledCount(read: () => number): Promise<number> {
  for (let before = -1; before !== read(); ) {
    before = read()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return read()
}
