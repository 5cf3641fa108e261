/**
 * Which blocks may not be deleted now: counted pins, and what was touched while a sweep is under way.
 *
 * Invariant: from the moment a block is pinned until its reference is visible to a mark, every sweep refuses it.
 * A sweep therefore begins *before* its mark: a block that was pinned at any moment since may have got a reference
 * that the mark passed by, and is refused although it is not pinned any more.
 */
import assert from 'node:assert'
import type { BlockStore, Cid } from '../dfs.ts'

/** A block store that a garbage collection can empty of what nobody needs. */
export interface SweepableStore extends BlockStore {
  /** Every block that is here, in no order; blocks that come or go meanwhile may be missed. */
  list(): AsyncIterable<{ cid: Cid; bytes: number }>
  /** Begins to record what is put or pinned; to be called before the mark, and disposed of after the deletions. */
  beginSweep(): Sweep
}

/** The right to delete blocks found unreferenced by a mark that began after it. */
export interface Sweep {
  /** True if the block is pinned, or was at any moment since the sweep began. */
  protects(cid: Cid): boolean
  /**
   * Deletes a block unless it is protected; check and deletion are one synchronous step.
   * The bytes freed; undefined if it was refused or not here.
   */
  delete(cid: Cid): number | undefined
  [Symbol.dispose](): void
}

export class Pins {
  readonly #counts = new Map<Cid, number>()
  readonly #recordings = new Set<Set<Cid>>()

  pin(cid: Cid): void {
    this.#counts.set(cid, (this.#counts.get(cid) ?? 0) + 1)
  }

  unpin(cid: Cid): void {
    const count = this.#counts.get(cid)
    assert(count !== undefined, `unpinned a block that is not pinned: ${cid}`)
    if (count > 1) {
      this.#counts.set(cid, count - 1)
      return
    }
    this.#counts.delete(cid)
    // Published by now, maybe where a mark has passed by already.
    for (const recording of this.#recordings) recording.add(cid)
  }

  isPinned(cid: Cid): boolean {
    return this.#counts.has(cid)
  }

  /** Whether a sweep is under way. */
  get isRecording(): boolean {
    return this.#recordings.size > 0
  }

  /** `remove` deletes a block synchronously and gives its length, undefined if it was not here. */
  beginSweep(remove: (cid: Cid) => number | undefined): Sweep {
    const touched = new Set<Cid>()
    this.#recordings.add(touched)
    const protects = (cid: Cid) => this.isPinned(cid) || touched.has(cid)
    return {
      protects,
      delete: (cid) => {
        assert(this.#recordings.has(touched), 'the sweep is over')
        return protects(cid) ? undefined : remove(cid)
      },
      [Symbol.dispose]: () => void this.#recordings.delete(touched),
    }
  }
}
