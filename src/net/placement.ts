/**
 * Which devices are to hold a block: rendezvous hashing, weighted by the space that each offers.
 *
 * Everybody who knows the same candidates comes to the same order for a block. A candidate that comes takes blocks over from all
 * others by its weight, and of one that goes only its own blocks move (Thaler and Ravishankar 1998; the weights as in
 * Schindelhauer and Schomaker 2005, "Weighted Distributed Hash Tables").
 */
import type { Cid } from '../dfs.ts'
import { digestOfCid } from '../format/cid.ts'
import { digestOf } from '../seal/hash.ts'
import { countHolders } from './holds/counting.ts'
import type { DeviceId } from './holds/state.ts'

/** A device that lends space. */
export interface Candidate {
  readonly device: DeviceId
  /** How much it would still hold. */
  readonly freeBytes: number
}

export interface ChooseOptions {
  /** Devices that are bound to hold the block already, and those that shall not be asked. */
  readonly present: readonly DeviceId[]
  /** How many holders are to count. */
  readonly replicas: number
  readonly members: Parameters<typeof countHolders>[1]
}

/** Of a digest's first bytes, as many as make a fraction exactly. */
const FRACTION_BYTES = 6
const FRACTIONS = 2 ** (8 * FRACTION_BYTES)

/** The candidates in the order in which the block is theirs. */
export function rankCandidates<C extends Candidate>(cid: Cid, candidates: readonly C[]): C[] {
  const digest = digestOfCid(cid)
  return candidates
    .map((candidate) => ({ candidate, distance: distanceOf(digest, candidate) }))
    .sort((one, other) => one.distance - other.distance || compare(one.candidate.device, other.candidate.device))
    .map(({ candidate }) => candidate)
}

/**
 * Those of the candidates that have to be asked so that `replicas` holders count with those that are present: the first in
 * rank that raise the count. Fewer where there are no more.
 */
export function chooseHolders<C extends Candidate>(
  cid: Cid,
  candidates: readonly C[],
  { present, replicas, members }: ChooseOptions,
): C[] {
  const chosen: C[] = []
  let holders = present
  let count = countHolders(holders, members)
  if (count >= replicas) return chosen
  for (const candidate of rankCandidates(cid, candidates)) {
    const more = [...holders, candidate.device]
    const counted = countHolders(more, members)
    if (counted === count) continue
    chosen.push(candidate)
    holders = more
    count = counted
    if (count >= replicas) break
  }
  return chosen
}

/** Exponentially distributed with the weight as its rate: the least of them belongs to each by its weight. */
function distanceOf(digest: Buffer, { device, freeBytes }: Candidate): number {
  const hash = digestOf(Buffer.concat([digest, Buffer.from(device)]))
  const fraction = (hash.readUIntBE(0, FRACTION_BYTES) + 0.5) / FRACTIONS
  return -Math.log(fraction) / weightOf(freeBytes)
}

/** In powers of two: what was given to a device a moment ago does not change whose the next block is. */
function weightOf(freeBytes: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, freeBytes)))
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}
