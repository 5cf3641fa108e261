/** How fast something goes on: bytes over the last seconds. */

const WINDOW_MS = 30_000
/** A rest this long begins anew: what was before says nothing of now. */
const REST_MS = 10_000

export class TransferRate {
  readonly #nowMs: () => number
  #sinceMs: number
  #lastMs = Number.NEGATIVE_INFINITY
  #bytes = 0

  /** `nowMs`: of a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
    this.#sinceMs = nowMs()
  }

  /** Work begins, of which bytes will come. */
  begin(): void {
    const now = this.#nowMs()
    if (now - this.#lastMs < REST_MS) return
    this.#sinceMs = now
    this.#lastMs = now
    this.#bytes = 0
  }

  note(bytes: number): void {
    const now = this.#nowMs()
    this.begin()
    // Halved rather than forgotten: what is older than the window fades.
    if (now - this.#sinceMs > WINDOW_MS) {
      this.#bytes /= 2
      this.#sinceMs += (now - this.#sinceMs) / 2
    }
    this.#lastMs = now
    this.#bytes += bytes
  }

  /** Bytes a second; 0 when nothing came for some seconds. */
  get perSecond(): number {
    const now = this.#nowMs()
    if (now - this.#lastMs >= REST_MS || this.#bytes === 0) return 0
    return this.#bytes / (Math.max(now - this.#sinceMs, 1000) / 1000)
  }
}
