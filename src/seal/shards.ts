/**
 * Splits a sealed block into shards, of which any `data` give it back, and joins them. Nobody who holds shards is
 * believed: what comes out of `joinShards` has the block's CID, and what could not belong to it is named.
 */
import { codedStrings, dataStrings } from '../bytes/erasure-code.ts'
import type { BlockRef, Cid } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { cidOfDigest, digestOfCid } from '../format/cid.ts'
import { decodeShard, encodeShard, type Redundancy, type Shard, shardBytes } from '../format/shard.ts'
import { digestOf } from './hash.ts'

/** A shard as it is stored and sent. */
export interface SealedShard {
  readonly cid: Cid
  readonly bytes: Buffer
}

export interface Joined {
  readonly block: Buffer
  /** Places in the list that was given of what is no shard of this block, or not as the block gives it. */
  readonly bad: readonly number[]
}

/** Which block is wanted. */
type Wanted = Pick<BlockRef, 'cid' | 'sealedBytes'>

/** What a given byte string turned out to be. A shard of a later version is not used, and not called bad. */
type Given = Shard | 'bad' | 'newer'

/**
 * So many ways of choosing shards are tried when those first taken do not give the block. It is enough for every set of
 * bad shards of 4+2 and 6+3, and for one bad shard (where one more than needed was given) of any redundancy.
 */
const ATTEMPTS_MAX = 128

/** All shards of a block, by their index. The same block gives the same shards. */
export function splitBlock(block: Buffer, { data, parity }: Redundancy): SealedShard[] {
  const cid = cidOfDigest(digestOf(block))
  const indexes = Array.from({ length: data + parity }, (_, index) => index)
  return codedStrings(partsOf(block, data), indexes).map((bytes, index) => {
    const shard = encodeShard({ data, parity, index, cid, blockBytes: block.length, bytes })
    return { cid: cidOfDigest(digestOf(shard)), bytes: shard }
  })
}

/**
 * The block, from shards of it in any order, with anything else among them. Fails with `unreachable` if they are too
 * few, `newer-version` if so because some are of a later version, `corrupt` if no choice of them gives the block.
 */
export function joinShards(wanted: Wanted, given: readonly Buffer[]): Joined {
  const found = given.map((bytes) => readShard(wanted, bytes))
  const groups = groupsOf(found)
  for (const group of groups) {
    for (const chosen of choicesOf(group)) {
      const block = blockOf(wanted, chosen)
      if (block === undefined) continue
      const bad = found.flatMap((one, place) => (one === 'newer' || isRight(one, block, chosen) ? [] : [place]))
      return { block, bad }
    }
  }
  if (groups.length > 0) throw failure('corrupt', wanted, 'the shards do not give the block')
  if (found.includes('newer')) {
    throw failure('newer-version', wanted, 'shards are of a newer version', 'install a newer dfs on this device')
  }
  throw failure('unreachable', wanted, 'too few shards')
}

function readShard({ cid, sealedBytes }: Wanted, bytes: Buffer): Given {
  try {
    const shard = decodeShard(bytes)
    return shard.cid === cid && shard.blockBytes === sealedBytes ? shard : 'bad'
  } catch (error) {
    const kind = kindOf(error)
    if (kind !== 'corrupt' && kind !== 'newer-version') throw error
    return kind === 'corrupt' ? 'bad' : 'newer'
  }
}

/** Shards that could give the block together, each string once, by index; the largest group first. */
function groupsOf(given: readonly Given[]): Shard[][] {
  const groups = Map.groupBy(
    given.filter((one) => typeof one === 'object'),
    ({ data }) => data,
  )
  return [...groups]
    .map(([data, shards]) => ({ data, shards: withoutRepeats(shards).sort((a, b) => a.index - b.index) }))
    .filter(({ data, shards }) => new Set(shards.map(({ index }) => index)).size >= data)
    .map(({ shards }) => shards)
    .sort((a, b) => b.length - a.length)
}

function withoutRepeats(shards: readonly Shard[]): Shard[] {
  return shards.filter((shard, place) => !shards.slice(0, place).some((other) => isSameString(shard, other)))
}

function isSameString(shard: Shard, other: Shard): boolean {
  return shard.index === other.index && Buffer.compare(shard.bytes, other.bytes) === 0
}

/** Ways of choosing as many shards with different indexes as are needed, at most ATTEMPTS_MAX. */
function* choicesOf(group: readonly Shard[]): Iterable<Shard[]> {
  const needed = group[0]!.data
  const tried = new Set<string>()
  for (const places of placesOf(group.length, needed)) {
    if (tried.size === ATTEMPTS_MAX) return
    const name = places.join()
    if (tried.has(name)) continue
    tried.add(name)
    const chosen = places.map((place) => group[place]!)
    if (new Set(chosen.map(({ index }) => index)).size === needed) yield chosen
  }
}

/** First neighbours in a ring, of which some leave out any given place, then all choices; some come twice. */
function* placesOf(count: number, needed: number): Iterable<number[]> {
  for (let start = 0; start < count; start++) {
    yield Array.from({ length: needed }, (_, i) => (start + i) % count).sort((a, b) => a - b)
  }
  yield* combinations(0, count, needed)
}

/** All rising lists of `size` numbers from `from` to below `to`. */
function* combinations(from: number, to: number, size: number): Iterable<number[]> {
  if (size === 0) yield []
  else {
    for (let first = from; first <= to - size; first++) {
      for (const rest of combinations(first + 1, to, size - 1)) yield [first, ...rest]
    }
  }
}

/** What these shards give if it is the block, and zeroes behind it. */
function blockOf({ cid, sealedBytes }: Wanted, chosen: readonly Shard[]): Buffer | undefined {
  const padded = Buffer.concat(dataStrings(chosen))
  const block = padded.subarray(0, sealedBytes)
  const isPadded = padded.subarray(sealedBytes).every((byte) => byte === 0)
  return isPadded && digestOf(block).equals(digestOfCid(cid)) ? block : undefined
}

/** Whether this is a shard as the block gives it; those that gave the block are. */
function isRight(given: Given, block: Buffer, chosen: readonly Shard[]): boolean {
  if (typeof given === 'string') return false
  if (chosen.some((shard) => isSameString(shard, given) && shard.data === given.data)) return true
  const [right] = codedStrings(partsOf(block, given.data), [given.index])
  return Buffer.compare(right!, given.bytes) === 0
}

/** The block as `count` strings of one length, zeroes behind its end. Views of the block where it can be. */
function partsOf(block: Buffer, count: number): Uint8Array[] {
  const bytes = shardBytes(block.length, count)
  return Array.from({ length: count }, (_, index) => {
    const part = block.subarray(index * bytes, (index + 1) * bytes)
    return part.length === bytes ? part : Buffer.concat([part], bytes)
  })
}

function failure(
  kind: 'corrupt' | 'newer-version' | 'unreachable',
  { cid }: Wanted,
  why: string,
  mend?: string,
): DfsError {
  return new DfsError(kind, why, { op: 'join shards', subject: cid, ...(mend === undefined ? {} : { mend }) })
}
