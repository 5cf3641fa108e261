/**
 * Time that passes only when nothing else is left to do: what waits for minutes is tested in milliseconds, and the
 * same way every time.
 */
import type { Clock } from '../../src/net/exchange/clock.ts'

interface Timer {
  readonly at: number
  readonly work: () => void
}

export class VirtualClock implements Clock {
  #now = 0
  #timers: Timer[] = []
  readonly #isPatient: boolean

  /** `isPatient`: work that gives way to others in between is waited for; nobody may do so without end. */
  constructor({ isPatient = false }: { isPatient?: boolean } = {}) {
    this.#isPatient = isPatient
  }

  now(): number {
    return this.#now
  }

  after(ms: number, work: () => void): () => void {
    const timer = { at: this.#now + ms, work }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Lets time pass until `work` settles. Fails if it never would, or not within `limitMs`. */
  async run<T>(work: Promise<T>, limitMs = Number.POSITIVE_INFINITY): Promise<T> {
    let isSettled = false
    const settled = () => {
      isSettled = true
    }
    work.then(settled, settled)
    while (!isSettled) {
      await quiet(this.#isPatient)
      if (isSettled) break
      const next = this.#timers.reduce<Timer | undefined>((a, b) => (a === undefined || b.at < a.at ? b : a), undefined)
      if (next === undefined) throw new Error('nothing will ever happen again, and the work has not ended')
      if (next.at > limitMs) throw new Error(`not done after ${this.#now} ms of ${limitMs}`)
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = next.at
      next.work()
    }
    return work
  }

  /** Lets so much time pass. */
  sleep(ms: number): Promise<void> {
    return this.run(new Promise((resolve) => void this.after(ms, resolve)))
  }
}

/** Resolves once no promise that can settle by itself is left unsettled. */
async function quiet(isPatient: boolean): Promise<void> {
  for (let turns = 3; turns > 0; turns--) {
    await new Promise((resolve) => setImmediate(resolve))
    if (isPatient && process.getActiveResourcesInfo().includes('Immediate')) turns = 3
  }
}
