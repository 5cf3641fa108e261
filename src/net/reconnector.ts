/**
 * Keeps connections to the peers that matter: those not connected are tried again and again, each after twice the
 * wait of the time before (with some chance in it, so that a network does not pulse), up to RETRY_MS_MAX.
 */
import { logger } from '../log.ts'

const log = logger('net')
const RETRY_MS_MIN = 5_000
const RETRY_MS_MAX = 5 * 60_000
const TICK_MS = 1_000
const ATTEMPT_MS_MAX = 20_000
/** Each may be a lookup in the DHT: a whole network that starts at once must not drown in them. */
const ATTEMPTS_AT_ONCE = 3

export interface ReconnectorOptions {
  /** The peers to stay connected with. */
  peers: () => Iterable<string>
  isConnected: (peerId: string) => boolean
  connect: (peerId: string, signal: AbortSignal) => Promise<void>
}

interface Attempts {
  failures: number
  nextAt: number
  lastAt: number
}

export class Reconnector {
  readonly #options: ReconnectorOptions
  readonly #attempts = new Map<string, Attempts>()
  readonly #running = new Set<string>()
  readonly #stopping = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(options: ReconnectorOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref()
    queueMicrotask(() => this.#tick())
  }

  /** There is news of this peer (of all): tries at once. */
  hint(peerId?: string): void {
    if (peerId === undefined) this.#attempts.clear()
    else this.#attempts.delete(peerId)
    this.#tick()
  }

  /** Somebody waits for a peer: tries all at once, but none more often than every RETRY_MS_MIN. */
  hurry(): void {
    const now = performance.now()
    for (const attempts of this.#attempts.values()) {
      attempts.nextAt = Math.min(attempts.nextAt, Math.max(now, attempts.lastAt + RETRY_MS_MIN))
    }
    this.#tick()
  }

  /** Whether there is a peer whose first attempt, since the start or since the last news of it, has not ended. */
  get isHopeful(): boolean {
    const { peers, isConnected } = this.#options
    return new Set(peers()).values().some((peerId) => !this.#attempts.has(peerId) && !isConnected(peerId))
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stopping.abort()
  }

  #tick(): void {
    if (this.#stopping.signal.aborted) return
    const now = performance.now()
    const wanted = new Set(this.#options.peers())
    for (const peerId of this.#attempts.keys()) if (!wanted.has(peerId)) this.#attempts.delete(peerId)
    for (const peerId of wanted) {
      if (this.#running.size >= ATTEMPTS_AT_ONCE) return
      if (this.#running.has(peerId) || (this.#attempts.get(peerId)?.nextAt ?? 0) > now) continue
      if (this.#options.isConnected(peerId)) this.#attempts.delete(peerId)
      else void this.#attempt(peerId)
    }
  }

  async #attempt(peerId: string): Promise<void> {
    this.#running.add(peerId)
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ATTEMPT_MS_MAX)])
      await this.#options.connect(peerId, signal)
    } catch (error) {
      log('cannot reach %s: %s', peerId, (error as Error).message)
    } finally {
      this.#running.delete(peerId)
      // After a success too: a peer that hangs up at once is not called again at once. Staying connected ends the wait.
      this.#putOff(peerId)
    }
  }

  #putOff(peerId: string): void {
    const failures = (this.#attempts.get(peerId)?.failures ?? -1) + 1
    const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures) * (0.5 + Math.random() / 2)
    const lastAt = performance.now()
    this.#attempts.set(peerId, { failures, nextAt: lastAt + waitMs, lastAt })
  }
}
