/**
 * Which shard of which block something is, as ledgers note it, and lists of shards that a device keeps, as messages carry
 * them. FORMAT.md §12 has the byte tables.
 */
import assert from 'node:assert/strict'
import type { Reader, Writer } from '../bytes/cursor.ts'
import { DIGEST_BYTES, digestOfCid } from './cid.ts'
import { readAscending, readDigests, writeDigests, writeExactly } from './hold-record.ts'
import { requireRule } from './refuse.ts'
import { isRedundancy, type Redundancy, shardHeadOf } from './shard.ts'

/** Which shard of which block. */
export interface ShardOf extends Redundancy {
  /** 32 bytes: the digest of that block's CID. */
  readonly block: Buffer
  readonly index: number
}

/** A shard that a device keeps. */
export interface KeptShard extends ShardOf {
  /** 32 bytes: of the shard's own CID. */
  readonly digest: Buffer
}

/** Of one query. */
export const SHARDED_BLOCKS_MAX = 16
/** Of one answer. */
export const KEPT_SHARDS_MAX = 512

/** By the first SHARD_HEAD_BYTES of a block of `length` bytes; undefined if it is no shard. */
export function readShardHead(head: Buffer, length: number): ShardOf | undefined {
  const found = shardHeadOf(head, length)
  return found && { block: digestOfCid(found.cid), data: found.data, parity: found.parity, index: found.index }
}

export function writeShardOf(writer: Writer, { block, data, parity, index }: ShardOf): void {
  assert(isRedundancy({ data, parity }) && index >= 0 && index < data + parity)
  writeExactly(writer, block, DIGEST_BYTES)
  writer.u8(data).u8(parity).u8(index)
}

/** A view, not a copy. Fails with `corrupt`. */
export function readShardOf(reader: Reader): ShardOf {
  const block = reader.bytes(DIGEST_BYTES)
  const [data, parity, index] = [reader.u8(), reader.u8(), reader.u8()]
  requireRule(isRedundancy({ data, parity }) && index < data + parity, 'shard: impossible place')
  return { block, data, parity, index }
}

/** Blocks whose shards are asked for, in ascending order. */
export function writeQueried(writer: Writer, digests: readonly Buffer[]): void {
  assert(digests.length <= SHARDED_BLOCKS_MAX)
  writeDigests(writer, digests)
}

export function readQueried(reader: Reader): Buffer[] {
  const digests = readDigests(reader)
  requireRule(digests.length <= SHARDED_BLOCKS_MAX, 'shards: too many blocks')
  return digests
}

/** In ascending order of the shards' digests; there may be none. */
export function writeKeptShards(writer: Writer, shards: readonly KeptShard[]): void {
  assert(shards.length <= KEPT_SHARDS_MAX)
  writer.u8(shards.length > 0 ? 1 : 0)
  if (shards.length === 0) return
  writer.u16(shards.length)
  for (const shard of shards) {
    writeExactly(writer, shard.digest, DIGEST_BYTES)
    writeShardOf(writer, shard)
  }
}

export function readKeptShards(reader: Reader): KeptShard[] {
  const any = reader.u8()
  requireRule(any <= 1, 'shards: neither some nor none')
  if (any === 0) return []
  const read = (from: Reader) => ({ digest: from.bytes(DIGEST_BYTES), ...readShardOf(from) })
  const shards = readAscending(reader, read, ({ digest }) => digest)
  requireRule(shards.length <= KEPT_SHARDS_MAX, 'shards: too many')
  return shards
}
