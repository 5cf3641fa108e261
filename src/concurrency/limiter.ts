/**
 * At most so many pieces of work at once; the others wait in the order in which they came.
 */
import assert from 'node:assert/strict'

export class Limiter {
  readonly #max: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(max: number) {
    assert(max >= 1, 'a limiter lets at least one through')
    this.#max = max
  }

  /** Runs `work` when there is a place for it; settles as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#max) this.#running++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      // A place passes to the next in line without being free in between.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
