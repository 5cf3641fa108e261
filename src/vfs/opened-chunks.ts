/**
 * Plaintext that was opened and may be read again: whole chunks, and frames that were opened alone.
 *
 * All lie in slots of the pool's memory, which are used again when they leave: nobody holds on to plaintext that is
 * taken from here, all copy it at once.
 */
import type { SharedSlots } from '../bytes/shared-slots.ts'
import { collectorOfBytes } from '../concurrency/heap.ts'
import { Lru } from '../concurrency/lru.ts'
import type { BlockRef } from '../dfs.ts'
import { frameCountOf } from '../format/block.ts'
import { FRAME_BYTES } from '../format/chunk-layout.ts'

/** Of a slot that is used for less than this share of it the bytes are copied out, into memory of their own. */
const SLOT_SHARE_MIN = 0.5
/** A frame that was opened, and the block's bytes it was opened from, are new memory. */
const collectAfter = collectorOfBytes()

export class OpenedChunks implements Disposable {
  readonly #memory: SharedSlots
  /** Chunks by CID, frames by `frameKey`: a part of a chunk would keep all of its memory. */
  readonly #plain: Lru<string, Buffer>
  #isDisposed = false

  /** `bytesMax`: how much memory may be kept. */
  constructor(memory: SharedSlots, bytesMax: number) {
    this.#memory = memory
    this.#plain = new Lru({
      weightMax: bytesMax,
      weigh: (plain) => memory.weightOf(plain),
      onEvict: (_, plain) => memory.give(plain),
    })
  }

  /** Gives all memory back. Nothing is kept from now on. */
  [Symbol.dispose](): void {
    this.#isDisposed = true
    this.#plain.clear()
  }

  frame(ref: BlockRef, index: number): Buffer | undefined {
    const chunk = this.#plain.get(ref.cid)
    if (chunk === undefined) return this.#plain.get(frameKey(ref, index))
    return chunk.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES)
  }

  hasFrames(ref: BlockRef, first: number, last: number): boolean {
    for (let index = first; index <= last; index++) if (this.frame(ref, index) === undefined) return false
    return true
  }

  /** `plain`: in memory that somebody else has; it is copied. */
  keepFrame(ref: BlockRef, index: number, plain: Buffer): void {
    if (this.#isDisposed) return
    const kept = this.#memory.take(plain.length)
    plain.copy(kept)
    this.#plain.set(frameKey(ref, index), kept)
    collectAfter(plain.length)
  }

  /** `plain`: a slot, which is given back from here. */
  keepChunk(ref: BlockRef, plain: Buffer): void {
    for (let index = 0; index < frameCountOf(ref.plainBytes); index++) this.#plain.delete(frameKey(ref, index))
    const isWorthIt = plain.length >= SLOT_SHARE_MIN * this.#memory.weightOf(plain) && !this.#isDisposed
    if (!this.#isDisposed) this.#plain.set(ref.cid, isWorthIt ? plain : Buffer.from(plain))
    if (!isWorthIt) this.#memory.give(plain)
  }
}

function frameKey(ref: BlockRef, index: number): string {
  return `${ref.cid}/${index}`
}
