/**
 * Time as the exchange sees it, so that tests can run it by hand.
 */
export interface Clock {
  /** Milliseconds that only grow. */
  now(): number
  /** Runs `work` once after `ms`; the returned function calls it off. */
  after(ms: number, work: () => void): () => void
}

export const realClock: Clock = {
  now: () => performance.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
}
