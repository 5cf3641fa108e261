/**
 * Peers that broke the protocol or sent bytes that are not the block: they are not asked again for a while, which
 * grows fourfold with each time. Bounded: of very many, the oldest are forgotten.
 */
import { Lru } from '../../concurrency/lru.ts'
import type { Clock } from './clock.ts'

const PENALTY_MS = 60_000
const PENALTY_GROWTH = 4
const PENALTY_MS_MAX = 24 * 60 * 60 * 1000
const REMEMBERED_MAX = 1024

interface Record {
  readonly times: number
  readonly untilMs: number
}

export class Reputation {
  readonly #clock: Clock
  readonly #records = new Lru<string, Record>({ weightMax: REMEMBERED_MAX, weigh: () => 1 })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The peer lied or broke the rules. */
  punish(peerId: string): void {
    const times = (this.#records.get(peerId)?.times ?? 0) + 1
    const penaltyMs = Math.min(PENALTY_MS_MAX, PENALTY_MS * PENALTY_GROWTH ** (times - 1))
    this.#records.set(peerId, { times, untilMs: this.#clock.now() + penaltyMs })
  }

  isTrusted(peerId: string): boolean {
    return (this.#records.get(peerId)?.untilMs ?? 0) <= this.#clock.now()
  }
}
