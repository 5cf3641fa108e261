/** What takes long to find out and may be a little old: found out again when somebody looks, and not too often. */

export interface Found<T> {
  readonly value: T
  /** When it was found out, in ms since 1970. */
  readonly atMs: number
}

export interface RecentOptions {
  /** Younger is new enough. */
  readonly restMs: number
  /** What took long rests so many times as long. */
  readonly rests: number
}

export class Recent<T> {
  readonly #find: () => Promise<T>
  readonly #options: RecentOptions
  #found: Found<T> | undefined
  #finding: Promise<void> | undefined
  #nextMs = 0

  constructor(find: () => Promise<T>, options: RecentOptions) {
    this.#find = find
    this.#options = options
  }

  /** What is known; waits so long for something new, or something at all. Fails as finding out does, while nothing is known. */
  async look(waitMs: number): Promise<Found<T> | undefined> {
    if (performance.now() >= this.#nextMs) this.#finding ??= this.#findOut()
    if (this.#finding !== undefined) await atMost(waitMs, this.#finding, this.#found !== undefined)
    return this.#found
  }

  /** Something was changed: the next look finds out anew. */
  expire(): void {
    this.#nextMs = 0
  }

  async #findOut(): Promise<void> {
    const beganMs = performance.now()
    try {
      this.#nextMs = Number.POSITIVE_INFINITY
      this.#found = { value: await this.#find(), atMs: Date.now() }
      const tookMs = performance.now() - beganMs
      if (this.#nextMs > 0)
        this.#nextMs = performance.now() + Math.max(this.#options.restMs, tookMs * this.#options.rests)
    } catch (error) {
      this.#nextMs = 0
      throw error
    } finally {
      this.#finding = undefined
    }
  }
}

async function atMost(waitMs: number, work: Promise<void>, mayFail: boolean): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, waitMs)
  try {
    await Promise.race([mayFail ? work.catch(() => undefined) : work, late])
  } finally {
    clearTimeout(timer)
    work.catch(() => undefined)
  }
}
