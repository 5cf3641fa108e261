/**
 * Cuts long work on the main thread into slices: whoever calls `pause` between small steps
 * never keeps the event loop from others for much longer than one slice.
 */
import { setImmediate } from 'node:timers/promises'
import { DfsError } from '../errors.ts'

const SLICE_MS = 5

export class Pacer {
  readonly #signal: AbortSignal | undefined
  #sliceStart = performance.now()

  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  /** True once the slice is used up: then `await pause()`. Saves an await per step. */
  get due(): boolean {
    return performance.now() - this.#sliceStart >= SLICE_MS
  }

  /** Lets the event loop turn once. Fails with `aborted` when the signal is. */
  async pause(): Promise<void> {
    this.check()
    await setImmediate()
    this.#sliceStart = performance.now()
    this.check()
  }

  /** Fails with `aborted` when the signal is. */
  check(): void {
    if (this.#signal?.aborted) throw new DfsError('aborted', 'stopped', { cause: this.#signal.reason })
  }
}
