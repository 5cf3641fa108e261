/**
 * Long work on the event loop, cut into slices: between two of them everybody else gets a turn.
 */
const SLICE_MS = 4

export class Slices {
  #endMs = performance.now() + SLICE_MS

  /** To be awaited between small pieces of work: resolves at once while the slice lasts, else after a turn of the loop. */
  async next(): Promise<void> {
    if (performance.now() < this.#endMs) return
    await new Promise((resolve) => setImmediate(resolve))
    this.#endMs = performance.now() + SLICE_MS
  }
}
