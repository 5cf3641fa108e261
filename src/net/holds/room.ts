/**
 * How much this device holds for others: what its person offers, shared fairly among owners when it is full, and never
 * more than the disk can spare.
 *
 * A block counts once against the offer and the disk, however many it is held for, and once for each of its owners.
 */
import { encodeBase32 } from '../../bytes/base32.ts'
import type { HoldLedger } from './ledger.ts'
import type { OwnerId } from './state.ts'

/** Of the disk is kept free, whichever is more. */
const KEPT_SHARE = 0.05
const KEPT_BYTES = 1024 ** 3

export interface Disk {
  readonly freeBytes: number
  readonly totalBytes: number
}

export interface RoomOptions {
  readonly ledger: Pick<HoldLedger, 'lentTo' | 'lentBytes'>
  /** What may be held in all. */
  readonly offerBytes: () => number
  readonly disk: () => Promise<Disk>
}

export class Room {
  readonly #options: RoomOptions
  /** Of blocks that are on their way here. */
  #reservedBytes = 0
  /** What the disk could spare when it was looked at last, and what has come since. */
  #spareBytes = 0
  #comeBytes = 0

  constructor(options: RoomOptions) {
    this.#options = options
  }

  /** Looks at the disk; to be awaited before the other methods are asked. */
  async look(): Promise<void> {
    const { freeBytes, totalBytes } = await this.#options.disk()
    this.#spareBytes = Math.floor(freeBytes - Math.max(KEPT_BYTES, totalBytes * KEPT_SHARE))
    this.#comeBytes = 0
  }

  /** What is free, for any owner. */
  get freeBytes(): number {
    const { ledger, offerBytes } = this.#options
    const offered = offerBytes() - ledger.lentBytes
    return Math.max(0, Math.min(offered, this.#spareBytes - this.#comeBytes) - this.#reservedBytes)
  }

  /** Reserves room for a block that is to come; false if there is none. */
  reserve(bytes: number): boolean {
    if (bytes > this.freeBytes) return false
    this.#reservedBytes += bytes
    return true
  }

  /** The block is in the ledger now, or does not come. */
  settle(bytes: number): void {
    this.#reservedBytes -= bytes
    this.#comeBytes += bytes
  }

  /** By how much all that is held exceeds the offer. */
  get excessBytes(): number {
    const { ledger, offerBytes } = this.#options
    return Math.max(0, ledger.lentBytes - offerBytes())
  }

  /** Owners with more than an equal share of the offer among them and `others`, and how much more. */
  overShare(...others: readonly OwnerId[]): Map<OwnerId, number> {
    const { ledger, offerBytes } = this.#options
    const lent = lentByOwner(ledger)
    const share = offerBytes() / new Set([...lent.keys(), ...others]).size
    return new Map([...lent].map(([owner, bytes]) => [owner, bytes - share] as const).filter(([, more]) => more > 0))
  }

  /** Whether what is held for this owner is less than its equal share. */
  isBelowShare(owner: OwnerId): boolean {
    const { ledger, offerBytes } = this.#options
    const lent = lentByOwner(ledger)
    return (lent.get(owner) ?? 0) < offerBytes() / new Set([...lent.keys(), owner]).size
  }
}

export function lentByOwner({ lentTo }: Pick<HoldLedger, 'lentTo'>): Map<OwnerId, number> {
  return new Map([...lentTo].map(([owner, bytes]) => [encodeBase32(Buffer.from(owner, 'hex')), bytes]))
}
