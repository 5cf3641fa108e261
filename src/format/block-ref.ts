/**
 * The 104 bytes of a reference to a block, as they stand in manifest nodes, stubs and journal records.
 * 104 zero bytes stand for a hole: a chunk, or a whole subtree, that is all zeroes and has no block.
 */
import assert from 'node:assert/strict'
import type { BlockRef } from '../dfs.ts'
import { BLOCK_BYTES_MAX } from './block.ts'
import { CHUNK_BYTES_MAX } from './chunk-layout.ts'
import { cidOfDigest, DIGEST_BYTES, digestOfCid } from './cid.ts'
import { corrupt } from './refuse.ts'

export const BLOCK_REF_BYTES = 104

const KEY = DIGEST_BYTES
const HASH = KEY + 32
const PLAIN_BYTES = HASH + 32
const SEALED_BYTES = PLAIN_BYTES + 4
const NO_DIGEST = Buffer.alloc(DIGEST_BYTES)
const HOLE = Buffer.alloc(BLOCK_REF_BYTES)

/** Writes the reference, or a hole for undefined, at `offset`. */
export function writeBlockRef(target: Buffer, offset: number, ref: BlockRef | undefined): void {
  if (ref === undefined) {
    target.fill(0, offset, offset + BLOCK_REF_BYTES)
    return
  }
  assert(ref.key.length === 32 && ref.hash.length === 32, 'key and hash have 32 bytes')
  target.set(digestOfCid(ref.cid), offset)
  target.set(ref.key, offset + KEY)
  target.set(ref.hash, offset + HASH)
  target.writeUInt32LE(ref.plainBytes, offset + PLAIN_BYTES)
  target.writeUInt32LE(ref.sealedBytes, offset + SEALED_BYTES)
}

/** The reference at `offset` (copied out of `source`), undefined for a hole. Fails with `corrupt`. */
export function readBlockRef(source: Buffer, offset: number): BlockRef | undefined {
  if (source.length < offset + BLOCK_REF_BYTES) throw corrupt('block reference: cut short')
  const bytes = source.subarray(offset, offset + BLOCK_REF_BYTES)
  const digest = bytes.subarray(0, DIGEST_BYTES)
  if (digest.equals(NO_DIGEST)) {
    if (bytes.equals(HOLE)) return undefined
    throw corrupt('block reference: a hole that is not all zeroes')
  }
  const plainBytes = bytes.readUInt32LE(PLAIN_BYTES)
  const sealedBytes = bytes.readUInt32LE(SEALED_BYTES)
  if (plainBytes === 0 || plainBytes > CHUNK_BYTES_MAX) throw corrupt('block reference: impossible plain length')
  if (sealedBytes === 0 || sealedBytes > BLOCK_BYTES_MAX) throw corrupt('block reference: impossible block length')
  return {
    cid: cidOfDigest(digest),
    key: Buffer.from(bytes.subarray(KEY, HASH)),
    hash: Buffer.from(bytes.subarray(HASH, PLAIN_BYTES)),
    plainBytes,
    sealedBytes,
  }
}
