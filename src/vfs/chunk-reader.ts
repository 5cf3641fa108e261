/**
 * Plaintext of sealed blocks, by range, through one cache of opened frames.
 *
 * No byte comes out that did not pass authentication. Small reads open their frame in place; whole chunks are opened
 * by the pool, and however many readers wait for a chunk, it is opened once. What is not on this device is fetched,
 * once for all who wait for it.
 */
import { COUNT, count } from '../concurrency/counters.ts'
import { Lru } from '../concurrency/lru.ts'
import { runAll } from '../concurrency/run-all.ts'
import type { BlockHandle, BlockRef, BlockSource, BlockStore } from '../dfs.ts'
import { DfsError, type ErrorKind, kindOf } from '../errors.ts'
import { frameCountOf, headBytes } from '../format/block.ts'
import { FRAME_BYTES } from '../format/chunk-layout.ts'
import { warn } from '../log.ts'
import { readSoon } from '../posix/files.ts'
import { type FrameTable, impliedFrameTable, openBlock, openFrame, readFrameTable } from '../seal/open-block.ts'
import type { SealPool } from '../seal/pool.ts'
import { ALWAYS, type BlockReader, type MayFetch, notFetched } from './block-reader.ts'
import { OpenedChunks } from './opened-chunks.ts'
import { RemoteBlock, type Use } from './remote-block.ts'

export interface ChunkReaderOptions {
  store: BlockStore
  pool: SealPool
  /** Where blocks come from that are not here; undefined: from nowhere. */
  source?: BlockSource | undefined
  /** How much plaintext may stay in memory, in bytes. */
  cacheBytesMax: number
}

const NODE_CACHE_BYTES = 16 * 1024 * 1024
const TABLES_MAX = 4096
/**
 * A fetch that failed stands for so long. The kernel asks for a page again the moment its read-ahead failed: a reader would wait
 * for its deadline twice.
 */
const FAILURE_STANDS_MS = 250
/** What a block's file that is not what it was shows itself by. */
const DAMAGE: ReadonlySet<ErrorKind> = new Set(['corrupt', 'newer-version', 'io'])
/** From so many frames on, opening is worth a trip to the pool. */
const FRAMES_INLINE_MAX = 2

/** A chunk that is being opened, and who waits for it. */
interface Loading {
  readonly uses: Use[]
  readonly done: Promise<void>
}

export class ChunkReader implements BlockReader, Disposable {
  readonly #store: BlockStore
  readonly #pool: SealPool
  readonly #source: BlockSource | undefined
  readonly #opened: OpenedChunks
  readonly #tables = new Lru<string, FrameTable>({ weightMax: TABLES_MAX, weigh: () => 1 })
  readonly #nodes = new Lru<string, Buffer>({ weightMax: NODE_CACHE_BYTES, weigh: (node) => node.length })
  readonly #loading = new Map<string, Loading>()
  readonly #remote = new Map<string, RemoteBlock>()
  #fetching = new AbortController()

  constructor({ store, pool, source, cacheBytesMax }: ChunkReaderOptions) {
    this.#store = store
    this.#pool = pool
    this.#source = source
    this.#opened = new OpenedChunks(pool.memory, cacheBytesMax)
  }

  /** Gives its memory back. Nothing is read any more. */
  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]()
  }

  /**
   * Fills `into` with the chunk's plaintext from `at` on; the range must lie within `ref.plainBytes`.
   * Returns at once where frames are at hand or few, else a promise.
   * Fails with `unreachable` or `timeout` if the block is not to be had, `corrupt` if it does not authenticate,
   * `not-permitted` if it is not here and may not be fetched.
   */
  read(ref: BlockRef, at: number, into: Buffer, mayFetch = ALWAYS): void | Promise<void> {
    const first = Math.floor(at / FRAME_BYTES)
    const last = Math.floor((at + into.length - 1) / FRAME_BYTES)
    const isOpened = this.#opened.hasFrames(ref, first, last)
    count(isOpened ? COUNT.cacheHits : COUNT.cacheMisses, 1)
    if (!isOpened && this.#isElsewhere(ref)) {
      return this.#readRemote(ref, at, into, mayFetch)
    }
    const again = (error: unknown) => this.#readAgain(ref, at, into, error, mayFetch)
    try {
      return this.#readLocal(ref, at, into)?.catch(again)
    } catch (error) {
      return again(error)
    }
  }

  #readLocal(ref: BlockRef, at: number, into: Buffer): undefined | Promise<void> {
    const first = Math.floor(at / FRAME_BYTES)
    const last = Math.floor((at + into.length - 1) / FRAME_BYTES)
    if (last - first >= FRAMES_INLINE_MAX && !this.#opened.hasFrames(ref, first, last)) {
      const isWhole = into.length === ref.plainBytes && into.buffer instanceof SharedArrayBuffer
      return isWhole && !this.#loading.has(ref.cid) ? this.#openInto(ref, into) : this.#load(ref, copyTo(into, at))
    }
    for (let frame = first; frame <= last; frame++) {
      const plain = this.#opened.frame(ref, frame)
      if (plain === undefined && this.#loading.has(ref.cid)) return this.#load(ref, copyTo(into, at))
      this.#copyFrame(plain ?? this.#openFrame(ref, frame), frame, at, into)
    }
  }

  /** Opens a whole chunk ahead of its reader. Never fails: whoever reads will hear of it. */
  prefetch(ref: BlockRef, mayFetch = ALWAYS): void {
    if (this.#loading.has(ref.cid) || this.#opened.hasFrames(ref, 0, frameCountOf(ref.plainBytes) - 1)) return
    if (!this.#isElsewhere(ref)) this.#load(ref, () => {}, { isAhead: true }).catch(() => {})
    else if (mayFetch()) this.#fetch(ref, undefined)
  }

  /** Resolves once the block is on this device. Fails as `read` does, and with `io` if it could not be kept. */
  async keep(ref: BlockRef): Promise<void> {
    if (!this.#isElsewhere(ref) && this.#store.has(ref.cid)) return
    if (this.#source === undefined) throw notHere(ref)
    const remote = this.#fetch(ref, undefined)
    if (!remote.isOpened) await remote.whole(() => {})
    await remote.settled
    if (!this.#store.has(ref.cid)) throw new DfsError('io', 'a block could not be kept', { subject: ref.cid })
  }

  readNode(ref: BlockRef, mayFetch = ALWAYS): Buffer | Promise<Buffer> {
    const cached = this.#nodes.get(ref.cid)
    if (cached !== undefined) return cached
    if (this.#isElsewhere(ref)) return this.#fetchNode(ref, mayFetch)
    try {
      using block = this.#openBlock(ref)
      const node = openBlock(block.handle.read(0, block.handle.bytes), ref)
      this.#nodes.set(ref.cid, node)
      return node
    } catch (error) {
      this.#distrust(ref, error, mayFetch)
      return this.#fetchNode(ref, mayFetch).catch(() => Promise.reject(error))
    }
  }

  /** Keeps the plaintext of a node that was just sealed, for it will be read again. */
  keepNode(ref: BlockRef, plain: Buffer): void {
    this.#nodes.set(ref.cid, plain)
  }

  /** Fails, with `aborted`, all that waits for other devices and all that would, until it is disposed of. */
  giveUpFetching(): Disposable {
    this.#fetching.abort(new DfsError('aborted', 'nobody waits for the block any more', { op: 'read' }))
    return {
      [Symbol.dispose]: () => {
        this.#fetching = new AbortController()
      },
    }
  }

  /** Whether the block is to come from other devices, or is on its way from there. */
  #isElsewhere(ref: BlockRef): boolean {
    return this.#remote.has(ref.cid) || (this.#source !== undefined && !this.#store.has(ref.cid))
  }

  async #readRemote(ref: BlockRef, at: number, into: Buffer, mayFetch: MayFetch): Promise<void> {
    if (!mayFetch()) throw notFetched(ref)
    const first = Math.floor(at / FRAME_BYTES)
    const last = Math.floor((at + into.length - 1) / FRAME_BYTES)
    const remote = this.#fetch(ref, first)
    if (remote.isOpened) {
      await remote.settled
      return this.read(ref, at, into, mayFetch)
    }
    await runAll(range(first, last), (frame) => {
      const cached = this.#opened.frame(ref, frame)
      const use: Use = (plain) => this.#copyFrame(plain, frame, at, into)
      return cached === undefined ? remote.frame(frame, use) : use(cached)
    })
  }

  /** Of a block that is damaged here: it is fetched, and takes the damaged one's place once all of it is here. */
  #readAgain(ref: BlockRef, at: number, into: Buffer, damage: unknown, mayFetch: MayFetch): Promise<void> {
    this.#distrust(ref, damage, mayFetch)
    return this.#readRemote(ref, at, into, mayFetch).catch(() => Promise.reject(damage))
  }

  /** Throws the failure again if no other device could help. */
  #distrust(ref: BlockRef, failure: unknown, mayFetch: MayFetch): void {
    if (this.#source === undefined || !DAMAGE.has(kindOf(failure)) || !mayFetch()) throw failure
    if (this.#remote.has(ref.cid)) return
    warn(`a block is damaged on this device, and asked of others: ${ref.cid}`)
    this.#store.distrust(ref.cid)
  }

  async #fetchNode(ref: BlockRef, mayFetch: MayFetch): Promise<Buffer> {
    if (!mayFetch()) throw notFetched(ref)
    const remote = this.#fetch(ref, 0)
    if (remote.isOpened) {
      await remote.settled
      return this.readNode(ref, mayFetch)
    }
    const node = Buffer.allocUnsafeSlow(ref.plainBytes)
    await remote.whole((plain) => plain.copy(node))
    this.#nodes.set(ref.cid, node)
    return node
  }

  /** The block on its way; callers racing on one share it. */
  #fetch(ref: BlockRef, frame: number | undefined): RemoteBlock {
    const underWay = this.#remote.get(ref.cid)
    if (underWay !== undefined) return underWay
    const { signal } = this.#fetching
    const remote = new RemoteBlock(
      {
        ref,
        source: this.#source!,
        signal,
        store: this.#store,
        pool: this.#pool,
        onFrame: (index, plain) => this.#opened.keepFrame(ref, index, plain),
        onWhole: (plain) => this.#opened.keepChunk(ref, plain),
      },
      frame,
    )
    this.#remote.set(ref.cid, remote)
    void remote.settled.then((isHad) => {
      const forget = () => this.#remote.delete(ref.cid)
      if (isHad || signal.aborted) forget()
      else setTimeout(forget, FAILURE_STANDS_MS).unref()
    })
    return remote
  }

  #copyFrame(plain: Buffer, frame: number, at: number, into: Buffer): void {
    const start = frame * FRAME_BYTES
    const from = Math.max(at, start)
    const to = Math.min(at + into.length, start + plain.length)
    plain.copy(into, from - at, from - start, to - start)
  }

  #openFrame(ref: BlockRef, frame: number): Buffer {
    using block = this.#openBlock(ref)
    const plain = this.#openFrameIn(block.handle, ref, frame)
    this.#opened.keepFrame(ref, frame, plain)
    return plain
  }

  #openFrameIn(handle: BlockHandle, ref: BlockRef, frame: number): Buffer {
    const table = this.#tables.get(ref.cid) ?? impliedFrameTable(ref)
    if (table !== undefined) {
      this.#tables.set(ref.cid, table)
      try {
        return openFrameBy(table, frame, handle, ref)
      } catch (error) {
        // Where the table was not read yet, it says what is wrong.
        this.#tables.delete(ref.cid)
        if (kindOf(error) !== 'corrupt') throw error
      }
    }
    const read = readFrameTable(handle.read(0, headBytes(frameCountOf(ref.plainBytes))), ref)
    this.#tables.set(ref.cid, read)
    return openFrameBy(read, frame, handle, ref)
  }

  /** Opens the whole chunk in the pool, once for all who ask, and gives each `use` its plaintext. */
  async #load(ref: BlockRef, use: Use, { isAhead = false } = {}): Promise<void> {
    let loading = this.#loading.get(ref.cid)
    if (loading === undefined) {
      const uses: Use[] = []
      const done = this.#openInPool(ref, uses, isAhead).finally(() => this.#loading.delete(ref.cid))
      loading = { uses, done }
      this.#loading.set(ref.cid, loading)
    }
    loading.uses.push(use)
    await loading.done
  }

  async #openInPool(ref: BlockRef, uses: readonly Use[], isAhead: boolean): Promise<void> {
    const { memory } = this.#pool
    const plain = memory.take(ref.plainBytes)
    try {
      await this.#openInto(ref, plain, isAhead)
    } catch (error) {
      memory.give(plain)
      throw error
    }
    for (const use of uses) use(plain)
    this.#opened.keepChunk(ref, plain)
  }

  /** Opens the whole chunk in the pool, into shared memory. */
  async #openInto(ref: BlockRef, into: Buffer, isAhead = false): Promise<void> {
    using block = this.#openBlock(ref)
    const { handle } = block
    // The disk works while the block waits for its turn (measured: a cold read of it 0.6 ms then, else 2.0).
    if (isAhead && handle.fd !== undefined) readSoon(handle.fd)
    if (handle.fd === undefined) await this.#pool.open(handle.read(0, handle.bytes), ref, into)
    else await this.#pool.openFd(handle.fd, handle.bytes, ref, into)
  }

  #openBlock(ref: BlockRef): { handle: BlockHandle } & Disposable {
    const handle = this.#store.open(ref.cid)
    if (handle === undefined) throw notHere(ref)
    return { handle, [Symbol.dispose]: () => handle.close() }
  }
}

function notHere({ cid }: BlockRef): DfsError {
  return new DfsError('unreachable', 'a block of this file is not on this device', { op: 'read', subject: cid })
}

function openFrameBy(table: FrameTable, frame: number, handle: BlockHandle, ref: BlockRef): Buffer {
  const { offset, bytes } = table.frames[frame]!
  return openFrame(table, frame, handle.read(offset, bytes), ref)
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** Copies what lies at `at` of a chunk. */
function copyTo(into: Buffer, at: number): Use {
  return (plain) => void plain.copy(into, 0, at, at + into.length)
}
