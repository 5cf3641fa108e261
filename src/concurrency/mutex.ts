/**
 * Mutual exclusion between asynchronous steps. Those who wait run in the order in which they came, one at a time.
 */
export class Mutex {
  #held = false
  readonly #waiting: (() => void)[] = []

  /** Whether work runs now. */
  get locked(): boolean {
    return this.#held
  }

  /** Runs `work` once all earlier work has ended; settles as it does. Not reentrant: work that waits for itself hangs. */
  async run<T>(work: () => Promise<T> | T): Promise<T> {
    if (this.#held) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#held = true
    try {
      return await work()
    } finally {
      // The lock passes on without being free in between, so that a newcomer cannot overtake.
      const next = this.#waiting.shift()
      if (next === undefined) this.#held = false
      else next()
    }
  }
}
