/**
 * A shard: one of the k + m strings that a block is coded as, of which any k give it back (`bytes/erasure-code`), with
 * what is needed to do so. A shard is stored, sent and held as a block of its own: it is never longer than the longest
 * block, and its CID is that of its bytes. FORMAT.md §14 has the byte table.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { Cid } from '../dfs.ts'
import { BLOCK_BYTES_MAX } from './block.ts'
import { cidOfDigest, DIGEST_BYTES, digestOfCid } from './cid.ts'
import { magicNumber, requireRule, requireVersion } from './refuse.ts'

/** How a block is coded: written `4+2`. */
export interface Redundancy {
  /** Shards that hold the block's bytes, and how many of all give it back: DATA_SHARDS_MIN to DATA_SHARDS_MAX. */
  readonly data: number
  /** Shards besides, and how many may be lost: 1 to PARITY_SHARDS_MAX. */
  readonly parity: number
}

export interface Shard extends Redundancy {
  /** Below `data`: that part of the block; from `data` on: a parity string. */
  readonly index: number
  /** The block that it is a shard of. */
  readonly cid: Cid
  /** Length of that block. */
  readonly blockBytes: number
  /** `shardBytes(blockBytes, data)` of them. */
  readonly bytes: Uint8Array
}

export const SHARD_HEAD_BYTES = 44
/** With one data shard the others would be copies of it, which need no code, and longer than a block may be. */
export const DATA_SHARDS_MIN = 2
export const DATA_SHARDS_MAX = 32
export const PARITY_SHARDS_MAX = 32

const MAGIC = magicNumber('dfsc')
const VERSION = 1

/** Whether blocks can be coded so. */
export function isRedundancy({ data, parity }: Redundancy): boolean {
  return (
    Number.isInteger(data) &&
    Number.isInteger(parity) &&
    data >= DATA_SHARDS_MIN &&
    data <= DATA_SHARDS_MAX &&
    parity >= 1 &&
    parity <= PARITY_SHARDS_MAX
  )
}

/** Length of each shard of a block, without its head. */
export function shardBytes(blockBytes: number, data: number): number {
  return Math.ceil(blockBytes / data)
}

export function encodeShard(shard: Shard): Buffer {
  const { data, parity, index, cid, blockBytes, bytes } = shard
  assert(isRedundancy(shard) && index >= 0 && index < data + parity && blockBytes <= BLOCK_BYTES_MAX)
  assert(bytes.length === shardBytes(blockBytes, data))
  const head = new Writer().u32(MAGIC).u8(VERSION).u8(data).u8(parity).u8(index).u32(blockBytes).bytes(digestOfCid(cid))
  return Buffer.concat([head.finish(), bytes])
}

/** `bytes` of the shard is a view. Fails with `corrupt`, `newer-version`. */
export function decodeShard(encoded: Buffer): Shard {
  const reader = new Reader(encoded)
  const { data, parity, index, blockBytes, cid } = readHead(reader)
  requireRule(reader.remaining === shardBytes(blockBytes, data), 'shard: wrong length')
  return { data, parity, index, cid, blockBytes, bytes: reader.bytes(reader.remaining) }
}

/** What the first SHARD_HEAD_BYTES of a block of `length` bytes say, if it is a shard as this dfs makes them. */
export function shardHeadOf(head: Buffer, length: number): Omit<Shard, 'bytes'> | undefined {
  if (head.length < SHARD_HEAD_BYTES || head.readUInt32LE() !== MAGIC) return undefined
  try {
    const found = readHead(new Reader(head))
    return length === SHARD_HEAD_BYTES + shardBytes(found.blockBytes, found.data) ? found : undefined
  } catch {
    return undefined
  }
}

function readHead(reader: Reader): Omit<Shard, 'bytes'> {
  requireRule(reader.u32() === MAGIC, 'shard: not a shard (magic)')
  requireVersion('shard', reader.u8(), VERSION)
  const [data, parity, index, blockBytes] = [reader.u8(), reader.u8(), reader.u8(), reader.u32()]
  requireRule(isRedundancy({ data, parity }), 'shard: impossible redundancy')
  requireRule(index < data + parity, 'shard: impossible index')
  requireRule(blockBytes <= BLOCK_BYTES_MAX, 'shard: impossible block length')
  return { data, parity, index, blockBytes, cid: cidOfDigest(reader.bytes(DIGEST_BYTES)) }
}
