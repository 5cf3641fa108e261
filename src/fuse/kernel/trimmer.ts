/**
 * Keeps bounded how many objects the kernel remembers: each takes memory of ours until it is forgotten, and the kernel
 * forgets only when its own memory runs short. Of those that nobody has open some leave, here and there: were it those known
 * longest, a walk over a few more files than may be known would find none of them. Who asks for one again has it looked up again.
 */
import type { FilesystemOperations, IdleObject } from '../../vfs/operations.ts'

const KNOWN_MAX = 100_000
/** Taken out of the kernel's memory at a time. */
const BATCH = 10_000

export interface TrimmerOptions {
  filesystem: Pick<FilesystemOperations, 'idleObjects'>
  /** Asks the kernel to forget them. */
  drop: (objects: readonly IdleObject[]) => void
  knownMax?: number
  batch?: number
}

export class Trimmer {
  readonly #options: Required<TrimmerOptions>
  /** The next trim is due when so many are known: what is in use stays, and is not to be asked for over and over. */
  #due: number

  constructor({ knownMax = KNOWN_MAX, batch = BATCH, ...options }: TrimmerOptions) {
    this.#options = { knownMax, batch, ...options }
    this.#due = knownMax
  }

  /** To be told how many objects the kernel knows, whenever that has changed. */
  note(known: number): void {
    const { filesystem, drop, knownMax, batch } = this.#options
    if (known < knownMax) this.#due = knownMax
    if (known < this.#due) return
    this.#due = known + batch
    drop(filesystem.idleObjects?.(batch) ?? [])
  }
}
