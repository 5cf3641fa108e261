/** Reading chunks whose blocks are on other devices. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { SharedSlots } from '../../../src/bytes/shared-slots.ts'
import type { BlockRef, BlockSource, FetchOptions } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import { FRAME_BYTES } from '../../../src/format/chunk-layout.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { SealPool } from '../../../src/seal/pool.ts'
import { sealBlock } from '../../../src/seal/seal-block.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { GuardedReader } from '../../../src/vfs/block-reader.ts'
import { ChunkReader } from '../../../src/vfs/chunk-reader.ts'
import { Random } from '../../support/random.ts'

const keys = Keys.derive(Buffer.alloc(32, 1))
const random = new Random(5)
const PLAIN = random.bytes(8 * FRAME_BYTES)

/** A source that the test feeds by hand. */
class FakeSource implements BlockSource {
  readonly fetches: { ref: BlockRef; options: FetchOptions; preferred: { from: number; to: number }[] }[] = []
  readonly memory: Buffer
  released = 0
  deliver = () => {}
  fail = (_error: Error) => {}

  constructor(bytes: number) {
    this.memory = Buffer.alloc(bytes)
  }

  fetch(ref: BlockRef, options: FetchOptions = {}) {
    const preferred: { from: number; to: number }[] = []
    this.fetches.push({ ref, options, preferred })
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    this.deliver = () => resolve(this.memory)
    this.fail = reject
    return {
      block: promise,
      prefer: (from: number, to: number) => void preferred.push({ from, to }),
      release: () => void this.released++,
    }
  }

  /** Bytes [from, to) of the block come in. */
  part(bytes: Buffer, from: number, to: number): void {
    bytes.copy(this.memory, from, from, to)
    this.fetches[0]!.options.onPart!(this.memory, from, to)
  }
}

function setUp(t: TestContext, plain = PLAIN) {
  const { ref, bytes } = sealBlock('data', plain, keys)
  const source = new FakeSource(bytes.length)
  const store = new MemoryBlocks()
  const pool = new SealPool({ keys, threads: 1 })
  t.after(() => pool.close())
  const reader = new ChunkReader({ store, pool, source, cacheBytesMax: 1 << 24 })
  return { ref, bytes, source, store, reader }
}

test('a frame is given out before the block is whole, and nothing is kept by then', async (t) => {
  const { ref, bytes, source, store, reader } = setUp(t)
  const into = Buffer.alloc(100)
  const read = reader.read(ref, 3 * FRAME_BYTES + 7, into)
  const { first } = source.fetches[0]!.options
  source.part(bytes, 0, 200)
  source.part(bytes, first!.from, first!.to)
  await read
  assert(into.equals(PLAIN.subarray(3 * FRAME_BYTES + 7, 3 * FRAME_BYTES + 107)))
  assert(!store.has(ref.cid))
})

test('of a compressed block the table comes first, and then what it says', async (t) => {
  const plain = Buffer.concat(Array.from({ length: 4 }, () => Buffer.alloc(FRAME_BYTES, random.bytes(20_000))))
  const { ref, bytes, source, reader } = setUp(t, plain)
  const into = Buffer.alloc(100)
  const read = reader.read(ref, 2 * FRAME_BYTES, into)
  const { options, preferred } = source.fetches[0]!
  assert.equal(options.first!.from, 0)
  source.part(bytes, 0, options.first!.to)
  const { from, to } = preferred.at(-1)!
  source.part(bytes, from, to)
  await read
  assert(into.equals(plain.subarray(2 * FRAME_BYTES, 2 * FRAME_BYTES + 100)))
})

test('many readers of one block cause one fetch, and the block stays', async (t) => {
  const { ref, bytes, source, store, reader } = setUp(t)
  reader.prefetch(ref)
  const buffers = Array.from({ length: 8 }, () => Buffer.alloc(FRAME_BYTES))
  const reads = buffers.map((into, frame) => reader.read(ref, frame * FRAME_BYTES, into))
  bytes.copy(source.memory)
  source.deliver()
  await Promise.all(reads)
  assert(Buffer.concat(buffers).equals(PLAIN))
  assert.equal(source.fetches.length, 1)
  while (source.released === 0) await new Promise((resolve) => setImmediate(resolve))
  assert(store.has(ref.cid))
})

test('bytes that do not authenticate are given to nobody; those that come in their place are', async (t) => {
  const { ref, bytes, source, reader } = setUp(t)
  const into = Buffer.alloc(100)
  const read = reader.read(ref, 0, into)
  const { to } = source.fetches[0]!.options.first!
  const wrong = Buffer.from(bytes)
  wrong[1000]! ^= 1
  source.part(wrong, 0, to)
  source.part(bytes, 0, to)
  await read
  assert(into.equals(PLAIN.subarray(0, 100)))
})

test('a fetch that fails fails its readers and who reads right after; later it is tried again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { ref, bytes, source, reader } = setUp(t)
  const into = Buffer.alloc(FRAME_BYTES)
  const reads = [reader.read(ref, 0, into), reader.read(ref, FRAME_BYTES, into)].map((read) => Promise.resolve(read))
  const failed = Promise.all(reads.map((read) => assert.rejects(read, { kind: 'timeout' })))
  source.fail(new DfsError('timeout', 'nobody delivers'))
  await failed
  while (source.released === 0) await new Promise((resolve) => setImmediate(resolve))
  await assert.rejects(async () => reader.read(ref, 0, into), { kind: 'timeout' })
  assert.equal(source.fetches.length, 1)
  t.mock.timers.tick(250)
  await new Promise((resolve) => setImmediate(resolve))
  const again = reader.read(ref, 0, into)
  assert.equal(source.fetches.length, 2)
  bytes.copy(source.memory)
  source.deliver()
  await again
  assert(into.equals(PLAIN.subarray(0, FRAME_BYTES)))
})

test('what waits for other devices can be given up, and asked for again after', async (t) => {
  const { ref, source, reader } = setUp(t)
  source.fetch = (ref, options = {}) => {
    const { promise, reject } = Promise.withResolvers<Buffer>()
    source.fetches.push({ ref, options, preferred: [] })
    const giveUp = () => reject(options.signal!.reason)
    if (options.signal!.aborted) giveUp()
    else options.signal!.addEventListener('abort', giveUp)
    return { block: promise, prefer: () => {}, release: () => void source.released++ }
  }
  const into = Buffer.alloc(100)
  const waiting = Promise.resolve(reader.read(ref, 0, into))
  const until = reader.giveUpFetching()
  await assert.rejects(waiting, { kind: 'aborted' })
  await assert.rejects(async () => reader.read(ref, 0, into), { kind: 'aborted' })
  until[Symbol.dispose]()
  while (source.released < source.fetches.length) await new Promise((resolve) => setImmediate(resolve))
  void reader.read(ref, 0, into)
  assert.equal(source.fetches.at(-1)!.options.signal!.aborted, false)
})

test('a block that is damaged here is fetched again, and takes the place of the damaged one', async (t) => {
  const { ref, bytes, source, store, reader } = setUp(t)
  await store.put(ref, damaged(bytes))
  const into = [Buffer.alloc(100), Buffer.alloc(5 * FRAME_BYTES)]
  const reads = [reader.read(ref, 2 * FRAME_BYTES, into[0]!), reader.read(ref, 0, into[1]!)]
  while (source.fetches.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert(store.open(ref.cid)!.read(0, bytes.length).equals(damaged(bytes)), 'it stays until a better one is here')
  bytes.copy(source.memory)
  source.deliver()
  await Promise.all(reads)
  assert(into[0]!.equals(PLAIN.subarray(2 * FRAME_BYTES, 2 * FRAME_BYTES + 100)))
  assert(into[1]!.equals(PLAIN.subarray(0, 5 * FRAME_BYTES)))
  while (source.released === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(source.fetches.length, 1)
  assert(store.open(ref.cid)!.read(0, bytes.length).equals(bytes))
})

test('a node of a manifest that is damaged here is fetched again, too', async (t) => {
  const { ref, bytes, source, store, reader } = setUp(t)
  await store.put(ref, damaged(bytes))
  const node = reader.readNode(ref)
  bytes.copy(source.memory)
  source.deliver()
  assert((await node).equals(PLAIN))
})

test('for who may not fetch nothing is, be it read, a node or read ahead; what is here is read', async (t) => {
  const { ref, bytes, source, store, reader } = setUp(t)
  let asked = 0
  const guarded = new GuardedReader(reader, () => {
    asked++
    return false
  })
  const into = Buffer.alloc(3 * FRAME_BYTES)
  await assert.rejects(async () => guarded.read(ref, 0, into), { kind: 'not-permitted' })
  await assert.rejects(async () => guarded.readNode(ref), { kind: 'not-permitted' })
  guarded.prefetch(ref)
  assert.equal(source.fetches.length, 0)
  assert.equal(asked, 1)
  await store.put(ref, bytes)
  await guarded.read(ref, 0, into)
  assert(into.equals(PLAIN.subarray(0, into.length)))
  assert(Buffer.from(await guarded.readNode(ref)).equals(PLAIN))
})

test('who may not fetch does not wait for a block that others fetch', async (t) => {
  const { ref, bytes, source, reader } = setUp(t)
  const guarded = new GuardedReader(reader, () => false)
  const other = reader.read(ref, 0, Buffer.alloc(100))
  await assert.rejects(async () => guarded.read(ref, 0, Buffer.alloc(100)), { kind: 'not-permitted' })
  bytes.copy(source.memory)
  source.deliver()
  await other
  await guarded.read(ref, 0, Buffer.alloc(100))
  assert.equal(source.fetches.length, 1)
})

test('for who may not fetch a damaged block is damaged', async (t) => {
  const { ref, bytes, source, store, reader } = setUp(t)
  await store.put(ref, damaged(bytes))
  const guarded = new GuardedReader(reader, () => false)
  for (const length of [100, 5 * FRAME_BYTES]) {
    const read = async () => guarded.read(ref, 2 * FRAME_BYTES, Buffer.alloc(length))
    await assert.rejects(read, { kind: 'corrupt' })
  }
  assert.equal(source.fetches.length, 0)
})

test('a damaged block that nobody else has stays what it is', async (t) => {
  const { ref, bytes, source, store, reader } = setUp(t)
  await store.put(ref, damaged(bytes))
  const read = Promise.resolve(reader.read(ref, 2 * FRAME_BYTES, Buffer.alloc(100)))
  source.fail(new DfsError('unreachable', 'nobody has it'))
  await assert.rejects(read, { kind: 'corrupt' })
  assert(store.open(ref.cid)!.read(0, bytes.length).equals(damaged(bytes)))
})

/** Its third frame does not authenticate. */
function damaged(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes)
  wrong[Math.floor(2.5 * FRAME_BYTES)]! ^= 1
  return wrong
}

test('of a block that was fetched ahead frames are given out only to who has waited for a while', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { ref, bytes, source, reader } = setUp(t)
  reader.prefetch(ref)
  source.part(bytes, 0, bytes.length)
  const into = Buffer.alloc(100)
  let isRead = false
  const read = Promise.resolve(reader.read(ref, FRAME_BYTES, into)).then(() => (isRead = true))
  await new Promise((resolve) => setImmediate(resolve))
  assert(!isRead)
  t.mock.timers.tick(100)
  await read
  assert(into.equals(PLAIN.subarray(FRAME_BYTES, FRAME_BYTES + 100)))
})

test('memory is used again, and all of it is given back in the end', async (t) => {
  const plains = Array.from({ length: 12 }, () => random.bytes(4 * FRAME_BYTES))
  const store = new MemoryBlocks()
  const memory = new SharedSlots({ bytes: [4 * FRAME_BYTES], count: 4 })
  const pool = new SealPool({ keys, threads: 2, memory })
  t.after(() => pool.close())
  const reader = new ChunkReader({ store, pool, cacheBytesMax: 8 * FRAME_BYTES })
  const refs = plains.map((plain) => {
    const { ref, bytes } = sealBlock('data', plain, keys)
    void store.put(ref, bytes)
    return ref
  })
  for (let round = 0; round < 3; round++) {
    const buffers = plains.map(() => Buffer.alloc(4 * FRAME_BYTES))
    await Promise.all(refs.map((ref, i) => reader.read(ref, 0, buffers[i]!)))
    for (const [i, plain] of plains.entries()) assert(buffers[i]!.equals(plain))
    const part = Buffer.alloc(100)
    await reader.read(refs[round]!, FRAME_BYTES + 7, part)
    assert(part.equals(plains[round]!.subarray(FRAME_BYTES + 7, FRAME_BYTES + 107)))
  }
  reader[Symbol.dispose]()
  const slots = Array.from({ length: 4 }, () => memory.take(FRAME_BYTES))
  assert.equal(new Set(slots.map(({ byteOffset }) => byteOffset)).size, 4)
  assert(slots.every(({ buffer }) => buffer === memory.memory))
})

test('a whole chunk is opened right into shared memory, and into none besides', async (t) => {
  const store = new MemoryBlocks()
  const memory = new SharedSlots({ bytes: [PLAIN.length], count: 1 })
  const pool = new SealPool({ keys, threads: 1, memory })
  t.after(() => pool.close())
  const reader = new ChunkReader({ store, pool, cacheBytesMax: 1 << 24 })
  const { ref, bytes } = sealBlock('data', PLAIN, keys)
  await store.put(ref, bytes)
  const take = t.mock.method(memory, 'take')
  const into = memory.take(PLAIN.length)
  await reader.read(ref, 0, into)
  assert(into.equals(PLAIN))
  assert.equal(take.mock.callCount(), 1)
  bytes[bytes.length - 1]! ^= 1
  store.distrust(ref.cid)
  await store.put(ref, bytes)
  await assert.rejects(async () => reader.read(ref, 0, into), { kind: 'corrupt' })
})

test('a frame of what was not compressed is read without the head of its block; damage is told by either', async (t) => {
  const { ref, bytes, store, reader } = setUp(t)
  const flipped = (at: number) => {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 1
    return damaged
  }
  const into = Buffer.alloc(100)
  const read = async (block: Buffer, frame: number) => {
    store.distrust(ref.cid)
    await store.put(ref, block)
    return reader.read(ref, frame * FRAME_BYTES, into)
  }
  await read(flipped(20), 3)
  assert(into.equals(PLAIN.subarray(3 * FRAME_BYTES, 3 * FRAME_BYTES + 100)))
  const other = new ChunkReader({ store, pool: new SealPool({ keys, threads: 1 }), cacheBytesMax: 1 << 20 })
  store.distrust(ref.cid)
  await store.put(ref, flipped(bytes.length - 1))
  assert.throws(() => other.read(ref, 7 * FRAME_BYTES, into), { kind: 'corrupt' })
  assert.equal(other.read(ref, 6 * FRAME_BYTES, into), undefined)
})
