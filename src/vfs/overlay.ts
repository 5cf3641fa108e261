/**
 * Blocks that lie over what a file's stub says: chunks sealed, or made holes, since it was written; and which of them no
 * journal record has yet.
 */
import type { BlockRef } from '../dfs.ts'

export class Overlay {
  readonly #refs = new Map<number, BlockRef | undefined>()
  #bytes = 0
  readonly #uncommitted = new Set<number>()
  /** What was laid since the snapshot under way was taken, be it the same block or a hole again. */
  readonly #sinceSnapshot = new Set<number>()

  /** By the chunk's index; undefined is a hole. */
  get refs(): ReadonlyMap<number, BlockRef | undefined> {
    return this.#refs
  }

  /** Plaintext bytes of the blocks. */
  get bytes(): number {
    return this.#bytes
  }

  /** What was laid since the last commit. */
  get uncommitted(): ReadonlySet<number> {
    return this.#uncommitted
  }

  /** Puts a block, or a hole, over the base. */
  lay(index: number, ref: BlockRef | undefined): void {
    this.#lift(index)
    this.#refs.set(index, ref)
    this.#bytes += ref?.plainBytes ?? 0
    this.#sinceSnapshot.add(index)
    this.#uncommitted.add(index)
  }

  /** Takes everything from this chunk on away. */
  cut(keep: number): void {
    for (const index of this.#refs.keys()) if (index >= keep) this.#lift(index)
    for (const index of this.#uncommitted) if (index >= keep) this.#uncommitted.delete(index)
  }

  committed(): void {
    this.#uncommitted.clear()
  }

  /** As it is now; `settle` tells that the base says it. One at a time. */
  snapshot(): ReadonlyMap<number, BlockRef | undefined> {
    this.#sinceSnapshot.clear()
    return new Map(this.#refs)
  }

  /** The base says what the snapshot said: what was not laid since goes. */
  settle(snapshot: ReadonlyMap<number, BlockRef | undefined>): void {
    for (const index of snapshot.keys()) if (!this.#sinceSnapshot.has(index)) this.#lift(index)
  }

  #lift(index: number): void {
    this.#bytes -= this.#refs.get(index)?.plainBytes ?? 0
    this.#refs.delete(index)
  }
}
