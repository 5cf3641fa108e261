/**
 * What audits may cost: each month of running time less than a hundredth of what a holder keeps, or half a mebibyte where
 * that is more. Each block once a month is enough; of short blocks, whose proofs are long beside them, fewer are asked for.
 */
import { cidOfDigest, DIGEST_BYTES } from '../../format/cid.ts'
import { lengthsOf } from '../../format/storage-proof.ts'

/** What a device holds, about. */
export interface Holding {
  readonly blocks: number
  readonly bytes: number
}

/** Bytes that may be spent, as of a moment of running time; less than nothing after audits that could not wait. */
export interface Credit {
  readonly bytes: number
  readonly atMs: number
}

const MONTH_MS = 30 * 24 * 60 * 60 * 1000
/** Below a hundredth, for what a device holds is estimated. */
const SHARE = 0.008
const MONTHLY_BYTES_MIN = 512 * 1024
/** What may be saved up, and owed: of a month's. */
const SAVED_SHARE = 0.25
/** Beside challenge and proof: digest, reason and length of the answer; heads and frames of messages, at worst for each. */
const OVERHEAD_BYTES = 150

const ANY_CID = cidOfDigest(Buffer.alloc(DIGEST_BYTES))

/** Bytes, both ways, of one audited block of this length. */
export function auditCost(blockBytes: number): number {
  const { challengeBytes, proofBytes } = lengthsOf({ cid: ANY_CID, blockBytes, slices: [0] })
  return challengeBytes + proofBytes + OVERHEAD_BYTES
}

/** Of a holder of which nothing was asked yet. */
export function firstCredit(atMs: number): Credit {
  return { bytes: MONTHLY_BYTES_MIN * SAVED_SHARE, atMs }
}

export function accrued(credit: Credit, holding: Holding, nowMs: number): Credit {
  const monthly = monthlyBytes(holding)
  // Running time may be set back a little by a crash.
  const passedMs = Math.max(0, nowMs - credit.atMs)
  const bytes = credit.bytes + monthly * (passedMs / MONTH_MS)
  return { bytes: Math.min(bytes, monthly * SAVED_SHARE), atMs: nowMs }
}

export function spent({ bytes, atMs }: Credit, cost: number): Credit {
  return { bytes: Math.max(bytes - cost, -MONTHLY_BYTES_MIN), atMs }
}

/** How many blocks of the mean length of these the credit is enough for. */
export function affordable({ bytes }: Credit, holding: Holding): number {
  return Math.max(0, Math.floor(bytes / meanCost(holding)))
}

/** Of one block of the mean length. */
export function meanCost({ blocks, bytes }: Holding): number {
  return auditCost(Math.max(1, Math.round(bytes / Math.max(1, blocks))))
}

function monthlyBytes(holding: Holding): number {
  const eachOnce = holding.blocks * meanCost(holding)
  return Math.max(MONTHLY_BYTES_MIN, Math.min(SHARE * holding.bytes, eachOnce))
}
