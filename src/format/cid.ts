/**
 * Block names: CIDv1, codec raw, multihash BLAKE3-256, written in base32 lower case with the multibase prefix `b`.
 * A digest has exactly one text, so CIDs are compared as strings.
 */
import assert from 'node:assert/strict'
import { decodeBase32, encodeBase32 } from '../bytes/base32.ts'
import type { Cid } from '../dfs.ts'

export const DIGEST_BYTES = 32

/** CID version 1, codec raw (0x55), multihash code of BLAKE3 (0x1e), digest length. */
const PREFIX = Buffer.from([0x01, 0x55, 0x1e, DIGEST_BYTES])
const CID_BYTES = PREFIX.length + DIGEST_BYTES
/** 58 characters carry two bits more than 36 bytes: they are zero, so the last character is one of eight. */
const CID_TEXT = /^b[a-z2-7]{57}[aeimquy4]$/

/** The CID of a block whose bytes have this BLAKE3-256 digest (32 bytes). */
export function cidOfDigest(digest: Uint8Array): Cid {
  assert(digest.length === DIGEST_BYTES, 'a digest has 32 bytes')
  const bytes = Buffer.allocUnsafe(CID_BYTES)
  bytes.set(PREFIX)
  bytes.set(digest, PREFIX.length)
  return `b${encodeBase32(bytes)}` as Cid
}

/** The 32-byte digest that a CID names. */
export function digestOfCid(cid: Cid): Buffer {
  return decodeBase32(cid.slice(1)).subarray(PREFIX.length)
}

/** The text as a CID if it names a block as dfs does (this version, codec and hash, in its one spelling); else undefined. */
export function parseCid(text: string): Cid | undefined {
  if (!CID_TEXT.test(text)) return undefined
  return decodeBase32(text.slice(1)).subarray(0, PREFIX.length).equals(PREFIX) ? (text as Cid) : undefined
}
