/** Keeps background traffic below a rate that a setting says, read anew at each step; reads of people are not held back. */
import { setTimeout as delay } from 'node:timers/promises'
import { DfsError } from '../../errors.ts'

export interface Clock {
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Fails when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

const REAL: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) =>
    delay(ms, undefined, { signal }).catch(() => {
      throw new DfsError('aborted', 'stopped', { cause: signal.reason })
    }),
}

/** What may have been saved up in a pause. */
const BURST_MS = 1000

export class Pace {
  readonly #bytesPerSecond: () => number
  readonly #clock: Clock
  /** Until then what was taken keeps the line busy. */
  #paidUntilMs = Number.NEGATIVE_INFINITY

  /** 0: as fast as it goes. */
  constructor(bytesPerSecond: () => number, clock: Clock = REAL) {
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
  }

  /** Resolves when so many bytes may go; in turn, each behind those who came before. Fails with `aborted`. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const rate = this.#bytesPerSecond()
    if (rate === 0) return
    const now = this.#clock.now()
    const from = Math.max(this.#paidUntilMs, now - BURST_MS)
    this.#paidUntilMs = from + (bytes / rate) * 1000
    if (from > now) await this.#clock.wait(from - now, signal)
  }
}
