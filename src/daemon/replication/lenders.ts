/**
 * Which devices lend space now, and how much: what they said last. Whoever does not answer or has nothing is asked again
 * after a while, longer each time, and at once when it comes back.
 */
import type { Offer } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import type { Candidate } from '../../net/placement.ts'

export interface LendersOptions {
  /** All other members. */
  readonly others: () => readonly DeviceId[]
  readonly offerOf: (device: DeviceId, signal: AbortSignal) => Promise<Offer | undefined>
  /** Milliseconds of a monotonic clock. */
  readonly nowMs?: () => number
}

interface Lender {
  freeBytes: number
  /** From when on it is to be asked again. */
  askAtMs: number
  /** Times in a row that it had nothing to give. */
  failures: number
  asking: Promise<void> | undefined
}

const OFFER_STANDS_MS = 60_000
const RETRY_MS_MIN = 5_000
const RETRY_MS_MAX = 600_000
/** More are not asked: of very many members, those that come first are enough. */
const ASKED_MAX = 256

export class Lenders {
  readonly #options: LendersOptions
  readonly #nowMs: () => number
  readonly #lenders = new Map<DeviceId, Lender>()

  constructor(options: LendersOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? (() => performance.now())
  }

  /** Whether there is any other device. */
  get hasOthers(): boolean {
    return this.#options.others().length > 0
  }

  /** Those with space. Waits for answers only while none is known to have any. Fails with `aborted`, never otherwise. */
  async candidates(signal: AbortSignal): Promise<Candidate[]> {
    const devices = this.#options.others().slice(0, ASKED_MAX)
    for (const device of this.#lenders.keys()) if (!devices.includes(device)) this.#lenders.delete(device)
    const asking = devices.map((device) => this.#ask(device, signal)).filter((work) => work !== undefined)
    if (this.#withSpace().length === 0) await Promise.all(asking)
    signal.throwIfAborted()
    return this.#withSpace()
  }

  /** The device was given so many bytes to hold. */
  gave(device: DeviceId, bytes: number): void {
    const lender = this.#lenders.get(device)
    if (lender !== undefined) lender.freeBytes = Math.max(0, lender.freeBytes - bytes)
  }

  /** The device did not answer, or has no room: it is passed over for a while. */
  failed(device: DeviceId): void {
    const lender = this.#lenders.get(device)
    if (lender !== undefined) this.#passOver(lender)
  }

  /** The device came back, or says that something changed: it is asked at the next occasion. */
  refresh(device: DeviceId): void {
    const lender = this.#lenders.get(device)
    if (lender === undefined) return
    lender.failures = 0
    lender.askAtMs = Number.NEGATIVE_INFINITY
  }

  #withSpace(): Candidate[] {
    const all = [...this.#lenders].map(([device, { freeBytes }]) => ({ device, freeBytes }))
    return all.filter(({ freeBytes }) => freeBytes > 0)
  }

  #ask(device: DeviceId, signal: AbortSignal): Promise<void> | undefined {
    let lender = this.#lenders.get(device)
    if (lender === undefined) {
      lender = { freeBytes: 0, askAtMs: Number.NEGATIVE_INFINITY, failures: 0, asking: undefined }
      this.#lenders.set(device, lender)
    }
    if (lender.asking === undefined && lender.askAtMs <= this.#nowMs()) {
      const asked = lender
      asked.asking = this.#askNow(device, asked, signal).finally(() => (asked.asking = undefined))
    }
    return lender.asking
  }

  async #askNow(device: DeviceId, lender: Lender, signal: AbortSignal): Promise<void> {
    const { freeBytes = 0 } = (await this.#options.offerOf(device, signal).catch(() => undefined)) ?? {}
    if (signal.aborted) return
    if (freeBytes === 0) return this.#passOver(lender)
    lender.freeBytes = freeBytes
    lender.failures = 0
    lender.askAtMs = this.#nowMs() + OFFER_STANDS_MS
  }

  #passOver(lender: Lender): void {
    lender.freeBytes = 0
    lender.askAtMs = this.#nowMs() + Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** lender.failures)
    lender.failures++
  }
}
