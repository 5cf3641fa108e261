/**
 * Long work on the event loop, cut into slices: between two of them everybody else gets a turn. Several pieces of work
 * that run side by side share one such object, and so the slices.
 */
const SLICE_MS = 4

export class Slices {
  #endMs = performance.now() + SLICE_MS
  readonly #waiting: (() => void)[] = []

  /**
   * To be awaited before each small piece of work: resolves at once while a slice lasts, else in the next one. Those
   * who wait get a turn of the loop each.
   */
  async next(): Promise<void> {
    if (this.#waiting.length === 0 && performance.now() < this.#endMs) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(() => this.#begin())
    })
  }

  #begin(): void {
    this.#endMs = performance.now() + SLICE_MS
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) setImmediate(() => this.#begin())
  }
}
