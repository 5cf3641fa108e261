/**
 * Long work on the event loop, cut into slices: between two of them everybody else gets a turn. Several pieces of work
 * that run side by side share one such object, and so the slices.
 */
const SLICE_MS = 4

export interface SlicesOptions {
  /** Between two slices nothing is done for this time: for what nobody waits for. Default: only until the others had a turn. */
  restMs?: number
}

export class Slices {
  #endMs = performance.now() + SLICE_MS
  readonly #restMs: number | undefined
  readonly #waiting: (() => void)[] = []

  constructor({ restMs }: SlicesOptions = {}) {
    this.#restMs = restMs
  }

  /**
   * To be awaited before each small piece of work: resolves at once while a slice lasts, else in the next one. Those
   * who wait get a turn of the loop each.
   */
  async next(): Promise<void> {
    if (this.#waiting.length === 0 && performance.now() < this.#endMs) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length > 1) return
      if (this.#restMs === undefined) setImmediate(() => this.#begin())
      else setTimeout(() => this.#begin(), this.#restMs)
    })
  }

  #begin(): void {
    this.#endMs = performance.now() + SLICE_MS
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) setImmediate(() => this.#begin())
  }
}
