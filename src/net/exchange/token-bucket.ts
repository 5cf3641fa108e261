/**
 * A rate with a burst: who takes more than is in the bucket waits until it has filled again. First come, first served.
 */
import type { Clock } from './clock.ts'

export interface Rate {
  readonly perSecond: number
  /** What may be taken at once after a rest. */
  readonly burst: number
}

export class TokenBucket {
  readonly #rate: Rate
  readonly #clock: Clock
  #tokens: number
  #filledAt: number

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate
    this.#clock = clock
    this.#tokens = rate.burst
    this.#filledAt = clock.now()
  }

  /** Takes in any case, and resolves when the debt is paid. */
  take(count: number): Promise<void> | undefined {
    this.#fill()
    this.#tokens -= count
    if (this.#tokens >= 0) return undefined
    const waitMs = (-this.#tokens / this.#rate.perSecond) * 1000
    return new Promise((resolve) => void this.#clock.after(waitMs, resolve))
  }

  #fill(): void {
    const now = this.#clock.now()
    const { perSecond, burst } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * perSecond)
    this.#filledAt = now
  }
}
