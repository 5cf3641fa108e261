/**
 * One block on its way from other devices, shared by all who read it.
 *
 * Frames are given out as soon as their tag holds; the block is kept, and the rest opened, once its CID holds. What has
 * come is copied before it is opened: until the block is whole its memory may be written to.
 */
import type { BlockRef, BlockSource, BlockStore, Fetching } from '../dfs.ts'
import { describeError } from '../errors.ts'
import { frameCountOf, headBytes, TAG_BYTES } from '../format/block.ts'
import { FRAME_BYTES } from '../format/chunk-layout.ts'
import { warn } from '../log.ts'
import { type FrameTable, openFrame, readFrameTable } from '../seal/open-block.ts'

export interface RemoteBlockOptions {
  readonly ref: BlockRef
  readonly source: BlockSource
  readonly store: BlockStore
  /** Gives up. */
  readonly signal: AbortSignal
  /** Opens a whole block, away from the event loop. */
  readonly open: (bytes: Buffer, ref: BlockRef) => Promise<Buffer>
  /** Hears of each frame that was opened, and at last of all. */
  readonly onFrame: (index: number, plain: Buffer) => void
}

const FRAMES_IN_STEP = 4

interface Waiter {
  resolve(plain: Buffer): void
  reject(error: unknown): void
}

export class RemoteBlock {
  /** The plaintext of the whole block. */
  readonly plain: Promise<Buffer>
  /** Resolves, always, when the block is in the store or never will be; false if it could not be had. */
  readonly settled: Promise<boolean>
  readonly #options: RemoteBlockOptions
  readonly #fetching: Fetching
  readonly #waiting = new Map<number, Waiter[]>()
  readonly #arrived: { from: number; to: number }[] = []
  #table: FrameTable | undefined
  /** The last frame that somebody waited for. */
  #preferred = Number.NEGATIVE_INFINITY

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
    const kept = this.#fetching.block.then((bytes) => this.#keep(bytes))
    this.plain = this.#fetching.block.then((bytes) => this.#openAll(bytes))
    this.settled = Promise.allSettled([kept, this.plain]).then(([, { status }]) => {
      this.#fetching.release()
      return status === 'fulfilled'
    })
    this.plain.catch((error) => this.#fail(error))
  }

  /** The plaintext of one frame, which comes next from now on. */
  frame(index: number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const waiters = this.#waiting.get(index) ?? []
    this.#waiting.set(index, waiters)
    waiters.push({ resolve, reject })
    const { from, to } = this.#rangeOf(index)
    // Frames behind one that was asked for come by themselves.
    if (index < this.#preferred || index > this.#preferred + FRAMES_IN_STEP) this.#fetching.prefer(from, to)
    this.#preferred = index
    // Whoever comes late must not wait for ever.
    this.plain.then(
      (plain) => resolve(frameOf(plain, index)),
      (error) => reject(error),
    )
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
    if (this.#waiting.size === 0) return
    if (this.#table === undefined) this.#readTable(block)
    if (this.#table === undefined) return
    for (const [index, waiters] of this.#waiting) {
      const plain = this.#tryOpen(block, index)
      if (plain === undefined) continue
      this.#waiting.delete(index)
      this.#options.onFrame(index, plain)
      for (const { resolve } of waiters) resolve(plain)
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

  async #keep(bytes: Buffer): Promise<void> {
    const { ref, store } = this.#options
    try {
      await store.put(ref, bytes)
      // The stub that made us fetch it refers to it already.
      store.unpin(ref.cid)
    } catch (error) {
      warn(`a block that was fetched could not be kept: ${describeError(error)}`)
    }
  }

  async #openAll(bytes: Buffer): Promise<Buffer> {
    const { ref, open, onFrame } = this.#options
    const plain = await open(bytes, ref)
    for (let index = 0; index < frameCountOf(ref.plainBytes); index++) onFrame(index, frameOf(plain, index))
    this.#waiting.clear()
    return plain
  }

  #fail(error: unknown): void {
    for (const waiters of this.#waiting.values()) for (const { reject } of waiters) reject(error)
    this.#waiting.clear()
  }
}

function frameOf(plain: Buffer, index: number): Buffer {
  return plain.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES)
}
