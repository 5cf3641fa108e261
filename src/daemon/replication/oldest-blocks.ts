/** The blocks that were not used for longest, of very many: no more than some are remembered at a time. */
import type { Cid } from '../../dfs.ts'

export interface UsedBlock {
  readonly cid: Cid
  readonly bytes: number
  readonly usedMs: number
}

export class OldestBlocks {
  readonly #max: number
  #blocks: UsedBlock[] = []
  /** What was used later than this is not among the oldest any more. */
  #limitMs = Number.POSITIVE_INFINITY

  constructor(max: number) {
    this.#max = max
  }

  /** Whether a block used then is worth looking at. */
  mayTake(usedMs: number): boolean {
    return usedMs < this.#limitMs
  }

  add(block: UsedBlock): void {
    if (!this.mayTake(block.usedMs)) return
    this.#blocks.push(block)
    if (this.#blocks.length >= 2 * this.#max) this.#cut()
  }

  /** At most so many as were asked for, the oldest first. */
  inOrder(): readonly UsedBlock[] {
    this.#cut()
    return this.#blocks
  }

  #cut(): void {
    this.#blocks.sort((one, other) => one.usedMs - other.usedMs)
    if (this.#blocks.length <= this.#max) return
    this.#blocks.length = this.#max
    this.#limitMs = this.#blocks.at(-1)!.usedMs
  }
}
