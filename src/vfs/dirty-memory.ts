/**
 * Memory for what was written and is not stored yet, of all folders of the process: counted, and in slots that are used
 * again and again.
 *
 * Invariant: a piece goes back once, when the last who holds it lets go, and is not looked at after: its slot has
 * somebody else's bytes then. To break that is an error at once, and never wrong bytes in a file.
 */
import assert from 'node:assert/strict'
import type { SharedSlots } from '../bytes/shared-slots.ts'
import { Limiter } from '../concurrency/limiter.ts'

/** What lends longer memory for a while: so many times the longest chunk at most. */
const SCRATCH_AT_ONCE = 8

export class DirtyMemory {
  /** Writers wait beyond this. */
  readonly bytesMax: number
  readonly #slots: SharedSlots
  readonly #scratch = new Limiter(SCRATCH_AT_ONCE)
  #bytes = 0

  constructor(slots: SharedSlots, bytesMax: number) {
    this.#slots = slots
    this.bytesMax = bytesMax
  }

  /** How much is held in pieces. */
  get bytes(): number {
    return this.#bytes
  }

  /** So many bytes with anything in them, held by the caller, and seen by the sealing threads without a copy or a transfer. */
  take(bytes: number): Piece {
    const taken = this.#slots.take(bytes)
    const weight = this.#slots.weightOf(taken)
    this.#bytes += weight
    return new Piece(taken, () => {
      this.#bytes -= weight
      this.#slots.give(taken)
    })
  }

  /** Runs `use` with shared memory that is its own until it settles, when there is some for it; settles as it does. */
  withScratch<T>(bytes: number, use: (scratch: Buffer) => Promise<T>): Promise<T> {
    return this.#scratch.run(async () => {
      const scratch = this.#slots.take(bytes)
      try {
        return await use(scratch)
      } finally {
        this.#slots.give(scratch)
      }
    })
  }
}

/** Memory with one holder or more; who holds it alone may write to it. */
export class Piece {
  readonly #bytes: Buffer
  readonly #give: () => void
  #holders = 1

  constructor(bytes: Buffer, give: () => void) {
    this.#bytes = bytes
    this.#give = give
  }

  get bytes(): Buffer {
    assert(this.#holders > 0, 'memory that was given back')
    return this.#bytes
  }

  get isShared(): boolean {
    return this.#holders > 1
  }

  hold(): void {
    assert(this.#holders > 0, 'memory that was given back')
    this.#holders++
  }

  release(): void {
    assert(this.#holders > 0, 'memory is given back once')
    if (--this.#holders === 0) this.#give()
  }
}
