/**
 * Token buckets by key: each key may act `perSecond` times a second on average, and `burst` times at once.
 *
 * It remembers the `keysMax` keys seen last; who can make up more keys than that must be bounded elsewhere.
 */
export interface RateLimitOptions {
  perSecond: number
  burst: number
  keysMax?: number
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
}

interface Bucket {
  tokens: number
  at: number
}

export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  readonly #keysMax: number
  readonly #now: () => number
  /** In the order of last use. */
  readonly #buckets = new Map<string, Bucket>()

  constructor({ perSecond, burst, keysMax = 1024, now = () => performance.now() }: RateLimitOptions) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#keysMax = keysMax
    this.#now = now
  }

  /** Whether `key` may act now; if so, that is counted. */
  take(key: string): boolean {
    const now = this.#now()
    const before = this.#buckets.get(key)
    const tokens = before === undefined ? this.#burst : this.#tokensOf(before, now)
    const isAllowed = tokens >= 1
    this.#buckets.delete(key)
    this.#buckets.set(key, { tokens: isAllowed ? tokens - 1 : tokens, at: now })
    if (this.#buckets.size > this.#keysMax) this.#buckets.delete(this.#buckets.keys().next().value!)
    return isAllowed
  }

  #tokensOf({ tokens, at }: Bucket, now: number): number {
    return Math.min(this.#burst, tokens + ((now - at) / 1000) * this.#perSecond)
  }
}
