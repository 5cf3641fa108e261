/**
 * One block on its way from other devices, shared by all who read it.
 *
 * Frames are given out as soon as their tag holds, if a reader would wait long for the block; the block is opened and kept
 * once its CID holds. Of a block that is not whole, what has come is copied before it is opened: its memory may be
 * written to.
 */
import type { BlockRef, BlockSource, BlockStore, Fetching } from '../dfs.ts'
import { type DfsError, describeError } from '../errors.ts'
import { frameCountOf, headBytes, TAG_BYTES } from '../format/block.ts'
import { FRAME_BYTES } from '../format/chunk-layout.ts'
import { warn } from '../log.ts'
import { type FrameTable, openFrame, readFrameTable } from '../seal/open-block.ts'
import type { SealPool } from '../seal/pool.ts'

export interface RemoteBlockOptions {
  readonly ref: BlockRef
  readonly source: BlockSource
  readonly store: BlockStore
  readonly pool: SealPool
  /** Gives up. */
  readonly signal: AbortSignal
  /** Hears of each frame that was opened before the block was whole. */
  readonly onFrame: (index: number, plain: Buffer) => void
  /** Hears of the plaintext of the whole block, a slot of the pool's memory that is its own from then on. */
  readonly onWhole: (plain: Buffer) => void
}

/** Takes plaintext, which it copies at once: the memory is used again. */
export type Use = (plain: Buffer) => void

/**
 * A block that was fetched ahead is opened as a whole, by a worker; frame by frame only if it is not whole so long after
 * the first reader came for it. One that a reader asked for is opened frame by frame from the start.
 */
const PATIENCE_MS = 20
const FRAMES_IN_STEP = 4

interface Waiter {
  readonly use: Use
  resolve(): void
  reject(error: unknown): void
}

export class RemoteBlock {
  /** Resolves, always, when the block is in the store or never will be; false if it could not be had. */
  readonly settled: Promise<boolean>
  readonly #options: RemoteBlockOptions
  readonly #fetching: Fetching
  /** By frame. */
  readonly #waiting = new Map<number, Waiter[]>()
  readonly #waitingForAll: Waiter[] = []
  readonly #arrived: { from: number; to: number }[] = []
  /** Its memory, of which `arrived` has come. */
  #block: Buffer | undefined
  #table: FrameTable | undefined
  /** The last frame that somebody waited for. */
  #preferred = Number.NEGATIVE_INFINITY
  #opensFrames: boolean
  #patience: NodeJS.Timeout | undefined
  #isOpened = false
  /** Why it could not be had; stands for all who come later. */
  #failure: { readonly error: unknown } | undefined

  /** `frame`: somebody waits for this one; undefined: nobody waits yet. */
  constructor(options: RemoteBlockOptions, frame: number | undefined) {
    this.#options = options
    if (frame !== undefined) this.#preferred = frame
    const { ref, source, signal } = options
    this.#fetching = source.fetch(ref, {
      signal,
      ...(frame !== undefined && { first: this.#rangeOf(frame) }),
      onPart: (block, from, to) => this.#onPart(block, from, to),
    })
    this.#opensFrames = frame !== undefined
    this.settled = this.#run().finally(() => this.#fetching.release())
  }

  /** The plaintext was given out: who comes now reads it from the store, once this has settled. */
  get isOpened(): boolean {
    return this.#isOpened
  }

  /** Gives `use` the plaintext of one frame, which comes next from now on. */
  frame(index: number, use: Use): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiters = this.#waiting.get(index) ?? []
    this.#waiting.set(index, waiters)
    waiters.push({ use, resolve, reject })
    if (!this.#opensFrames) this.#patience ??= setTimeout(() => this.#openFrames(), PATIENCE_MS)
    const { from, to } = this.#rangeOf(index)
    // Frames behind one that was asked for come by themselves.
    if (index < this.#preferred || index > this.#preferred + FRAMES_IN_STEP) this.#fetching.prefer(from, to)
    this.#preferred = index
    return promise
  }

  /** Gives `use` the plaintext of the whole block. */
  whole(use: Use): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waitingForAll.push({ use, resolve, reject })
    return promise
  }

  /** Where the frame lies; of a compressed block that is known once the table is here, which comes first then. */
  #rangeOf(index: number): { from: number; to: number } {
    const { ref } = this.#options
    const known = this.#table?.frames[index]
    if (known !== undefined) return { from: known.offset, to: known.offset + known.bytes }
    const frames = frameCountOf(ref.plainBytes)
    const head = headBytes(frames)
    const isPlain = ref.sealedBytes === head + ref.plainBytes + frames * TAG_BYTES
    if (!isPlain) return { from: 0, to: head }
    const from = head + index * (FRAME_BYTES + TAG_BYTES)
    return { from, to: Math.min(ref.sealedBytes, from + FRAME_BYTES + TAG_BYTES) }
  }

  #onPart(block: Buffer, from: number, to: number): void {
    this.#arrived.push({ from, to })
    this.#block = block
    if (this.#opensFrames) this.#tryAll(block)
  }

  #openFrames(): void {
    this.#opensFrames = true
    if (this.#block !== undefined) this.#tryAll(this.#block)
  }

  #tryAll(block: Buffer): void {
    if (this.#waiting.size === 0 || this.#isOpened) return
    if (this.#table === undefined) this.#readTable(block)
    if (this.#table === undefined) return
    for (const [index, waiters] of this.#waiting) {
      const plain = this.#tryOpen(block, index)
      if (plain === undefined) continue
      this.#waiting.delete(index)
      this.#options.onFrame(index, plain)
      serve(waiters, plain)
    }
  }

  #readTable(block: Buffer): void {
    const { ref } = this.#options
    const head = headBytes(frameCountOf(ref.plainBytes))
    if (!this.#has(0, head)) return
    try {
      this.#table = readFrameTable(Buffer.from(block.subarray(0, head)), ref)
    } catch {
      // A peer lied: the exchange finds out by the CID, and asks another.
      return
    }
    for (const index of this.#waiting.keys()) {
      const { from, to } = this.#rangeOf(index)
      if (!this.#has(from, to)) this.#fetching.prefer(from, to)
    }
  }

  /** Undefined if it is not here yet, or does not authenticate. */
  #tryOpen(block: Buffer, index: number): Buffer | undefined {
    const { from, to } = this.#rangeOf(index)
    if (!this.#has(from, to)) return undefined
    try {
      return openFrame(this.#table!, index, Buffer.from(block.subarray(from, to)), this.#options.ref)
    } catch {
      return undefined
    }
  }

  /** Whether all of [from, to) has come, in whatever pieces. */
  #has(from: number, to: number): boolean {
    let reached = from
    for (let grown = true; grown && reached < to; ) {
      const next = this.#arrived.find((range) => range.from <= reached && range.to > reached)
      grown = next !== undefined
      if (next !== undefined) reached = next.to
    }
    return reached >= to
  }

  /** Never fails: whoever waits hears of it. False if the block could not be had. */
  async #run(): Promise<boolean> {
    try {
      const bytes = await this.#fetching.block
      const keepAs = this.#options.store.temporary()
      const notKept = await this.#openAll(bytes, keepAs)
      await this.#keep(bytes, keepAs, notKept)
      return true
    } catch (error) {
      this.#fail(error)
      return false
    } finally {
      clearTimeout(this.#patience)
    }
  }

  /** Gives it out, and resolves with why the block could not be written to `keepAs`. */
  async #openAll(bytes: Buffer, keepAs: string | undefined): Promise<DfsError | undefined> {
    const { ref, pool } = this.#options
    const plain = pool.memory.take(ref.plainBytes)
    let notKept: DfsError | undefined
    try {
      notKept = await pool.open(bytes, ref, plain, keepAs)
    } catch (error) {
      pool.memory.give(plain)
      throw error
    }
    this.#giveOut(plain)
    return notKept
  }

  /** Never fails: the next reader fetches it again. */
  async #keep(bytes: Buffer, keepAs: string | undefined, notKept: DfsError | undefined): Promise<void> {
    const { ref, store } = this.#options
    try {
      if (notKept !== undefined) throw notKept
      if (keepAs === undefined) await store.put(ref, bytes)
      else await store.adopt(ref, keepAs)
      // The stub that made us fetch it refers to it already.
      store.unpin(ref.cid)
    } catch (error) {
      warn(`a block that was fetched could not be kept: ${describeError(error)}`)
    }
  }

  #giveOut(plain: Buffer): void {
    this.#isOpened = true
    for (const [index, waiters] of this.#waiting) serve(waiters, frameOf(plain, index))
    serve(this.#waitingForAll, plain)
    this.#waiting.clear()
    this.#options.onWhole(plain)
  }

  #fail(error: unknown): void {
    this.#failure = { error }
    for (const waiters of [this.#waitingForAll, ...this.#waiting.values()])
      for (const { reject } of waiters) reject(error)
    this.#waiting.clear()
  }
}

function serve(waiters: readonly Waiter[], plain: Buffer): void {
  for (const { use, resolve } of waiters) {
    use(plain)
    resolve()
  }
}

function frameOf(plain: Buffer, index: number): Buffer {
  return plain.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES)
}
