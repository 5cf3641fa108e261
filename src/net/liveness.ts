/**
 * Finds connections that carry nothing any more: each member is asked for a sign of life now and then, and who gives
 * none is disconnected. TCP alone would take a quarter of an hour to notice, or for ever if nothing is sent.
 */
import { logger } from '../log.ts'

const log = logger('net')
export const PING_MS = 2 * 60_000
const ANSWER_MS_MAX = 15_000
/** Of a peer that is suspected, somebody waits. */
const SUSPECT_MS_MAX = 5_000

export interface LivenessOptions {
  peers: () => Iterable<string>
  ping: (peerId: string, signal: AbortSignal) => Promise<void>
  disconnect: (peerId: string, why: Error) => void
}

export class Liveness {
  readonly #options: LivenessOptions
  readonly #suspected = new Set<string>()
  readonly #stopping = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(options: LivenessOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#pingAll(), PING_MS).unref()
  }

  /** Disconnects the peer unless it gives a sign of life soon, or `hasSpoken` says then that it did. */
  suspect(peerId: string, hasSpoken: () => boolean): void {
    if (this.#suspected.has(peerId)) return
    this.#suspected.add(peerId)
    void this.#ping(peerId, SUSPECT_MS_MAX, hasSpoken).finally(() => this.#suspected.delete(peerId))
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stopping.abort()
  }

  #pingAll(): void {
    for (const peerId of this.#options.peers()) {
      // Spread over half the period, so that a network does not pulse.
      setTimeout(() => void this.#ping(peerId), (Math.random() * PING_MS) / 2).unref()
    }
  }

  async #ping(peerId: string, msMax = ANSWER_MS_MAX, hasSpoken?: () => boolean): Promise<void> {
    if (this.#stopping.signal.aborted) return
    try {
      await this.#options.ping(peerId, AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(msMax)]))
    } catch (error) {
      if (this.#stopping.signal.aborted || hasSpoken?.()) return
      log('%s gives no sign of life', peerId)
      this.#options.disconnect(peerId, error as Error)
    }
  }
}
