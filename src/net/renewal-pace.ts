/**
 * How soon announcements are to be made again, from how fast the network changes.
 *
 * A record is kept by some 20 peers. They leave, and others come that are nearer to the key, where it is looked for
 * then. Of those told about this device the last time, the share that is told again shows how fast; records are renewed
 * while a fifth of theirs may still be expected there: of 20 peers, at least one with 99 %.
 */
const HOUR_MS = 3_600_000

/** Well before records expire after 48 hours. */
export const RENEW_MS_MAX = 22 * HOUR_MS
const RENEW_MS_MIN = HOUR_MS
const SHARE_MIN = 0.2
/** What a sample weighs against those before. */
const WEIGHT = 0.5

export class RenewalPace {
  #told: ReadonlySet<string> = new Set()
  #toldMs = 0
  /** Of the peers told, the part that leaves, per ms, as in radioactive decay. */
  #rate: number | undefined

  /** This device was announced to these peers. Samples that follow each other sooner than an hour say too little. */
  note(told: ReadonlySet<string>, nowMs: number): void {
    if (told.size === 0) return
    const sinceMs = nowMs - this.#toldMs
    if (this.#told.size > 0 && sinceMs >= 0 && sinceMs < HOUR_MS) return
    if (this.#told.size > 0 && sinceMs > 0) this.#learn(told, sinceMs)
    this.#told = told
    this.#toldMs = nowMs
  }

  get renewMs(): number {
    if (this.#rate === undefined) return RENEW_MS_MAX
    return Math.min(RENEW_MS_MAX, Math.max(RENEW_MS_MIN, -Math.log(SHARE_MIN) / this.#rate))
  }

  #learn(told: ReadonlySet<string>, sinceMs: number): void {
    const stayed = [...this.#told].filter((peer) => told.has(peer)).length
    // One half more of either: few peers are no proof that all stay, or that all go.
    const rate = -Math.log((stayed + 0.5) / (this.#told.size + 1)) / sinceMs
    this.#rate = this.#rate === undefined ? rate : WEIGHT * rate + (1 - WEIGHT) * this.#rate
  }
}
