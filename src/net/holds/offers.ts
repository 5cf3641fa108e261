/** Asking members how much they would still hold for this device. */
import type { Clock } from '../exchange/clock.ts'
import type { Offer } from './hold-service.ts'
import type { DeviceId } from './state.ts'

const ANSWER_MS = 10_000

export interface OffersOptions {
  readonly clock: Clock
  /** Sends the question; never fails. */
  readonly ask: (holder: DeviceId) => void
}

export class Offers {
  readonly #options: OffersOptions
  readonly #waiting = new Map<DeviceId, PromiseWithResolvers<Offer | undefined>>()

  constructor(options: OffersOptions) {
    this.#options = options
  }

  /** Undefined without an answer in time. Fails with the signal's reason. */
  async of(holder: DeviceId, signal: AbortSignal | undefined): Promise<Offer | undefined> {
    signal?.throwIfAborted()
    const { promise } = this.#waiting.get(holder) ?? this.#ask(holder)
    if (signal === undefined) return promise
    const aborted = Promise.withResolvers<never>()
    const onAbort = () => aborted.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([promise, aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  heard(holder: DeviceId, { freeBytes, termMs }: Offer): void {
    this.#waiting.get(holder)?.resolve({ freeBytes, termMs })
  }

  unreachable(holder: DeviceId): void {
    this.#waiting.get(holder)?.resolve(undefined)
  }

  #ask(holder: DeviceId): PromiseWithResolvers<Offer | undefined> {
    const waiting = Promise.withResolvers<Offer | undefined>()
    this.#waiting.set(holder, waiting)
    const callOff = this.#options.clock.after(ANSWER_MS, () => waiting.resolve(undefined))
    void waiting.promise.then(() => {
      callOff()
      this.#waiting.delete(holder)
    })
    this.#options.ask(holder)
    return waiting
  }
}
