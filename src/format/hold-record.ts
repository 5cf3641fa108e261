/**
 * Holds and releases: what a device signs to promise that it keeps blocks for another, and what the other signs to let
 * it go. One signature is for up to 1,024 blocks. FORMAT.md §12 has the byte tables.
 *
 * Nothing is signed or verified here; `holdRecordBody` is what the signature covers.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { BLOCK_BYTES_MAX } from './block.ts'
import { DIGEST_BYTES } from './cid.ts'
import { PUBLIC_KEY_BYTES } from './device-id.ts'
import { SIGNATURE_BYTES } from './membership.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'

/** Blocks that one record or message is about. */
export const HELD_BLOCKS_MAX = 1024
export const HOLD_NONCE_BYTES = 16

/** A block to be held, and how much room it takes. */
export interface HeldBlock {
  /** 32 bytes: the digest in the block's CID. */
  readonly digest: Buffer
  /** Length of the block. */
  readonly sealedBytes: number
}

interface Parties {
  /** 32 bytes: names the network. */
  readonly network: Buffer
  /** 32 bytes: names the owner of the requester, whose blocks they are. */
  readonly owner: Buffer
  /** 32 bytes: the identity of the device that asked for the hold. */
  readonly requester: Buffer
  /** 32 bytes: the identity of the device that keeps the blocks. */
  readonly holder: Buffer
  /** 16 bytes, random: names the hold. */
  readonly nonce: Buffer
}

/** The holder keeps the blocks, and signs it. */
export interface HoldStatement extends Parties {
  readonly kind: 'hold'
  /** How long from now on, in milliseconds of the holder's running time; each confirmation begins it anew. */
  readonly termMs: number
  /** In ascending order of their digests. */
  readonly blocks: readonly HeldBlock[]
}

/** The holder need not keep the blocks any more. */
export interface ReleaseStatement extends Parties {
  readonly kind: 'release'
  /** 32 bytes: who signs: the requester, or another device of its owner if the requester was removed. */
  readonly signer: Buffer
  /** 32 bytes each, ascending. */
  readonly digests: readonly Buffer[]
}

export type HoldRecord = HoldStatement | ReleaseStatement

const VERSION = 1
const KINDS: Record<HoldRecord['kind'], number> = { hold: 1, release: 2 }
const HEAD_BYTES = 2 + 4 * PUBLIC_KEY_BYTES + HOLD_NONCE_BYTES
/** Of the longest record, a hold of 1,024 blocks. */
export const HOLD_RECORD_BYTES_MAX = HEAD_BYTES + 8 + 2 + HELD_BLOCKS_MAX * (DIGEST_BYTES + 4) + SIGNATURE_BYTES

/** What is signed: the record without its signature. */
export function holdRecordBody(record: HoldRecord): Buffer {
  const { kind, network, owner, requester, holder, nonce } = record
  const writer = new Writer().u8(VERSION).u8(KINDS[kind])
  for (const key of [network, owner, requester, holder]) writeExactly(writer, key, PUBLIC_KEY_BYTES)
  writeExactly(writer, nonce, HOLD_NONCE_BYTES)
  if (kind === 'hold') {
    writer.u53(record.termMs)
    writeBlocks(writer, record.blocks)
  } else {
    writeExactly(writer, record.signer, PUBLIC_KEY_BYTES)
    writeDigests(writer, record.digests)
  }
  return writer.finish()
}

export function encodeHoldRecord(record: HoldRecord, signature: Buffer): Buffer {
  assert(signature.length === SIGNATURE_BYTES)
  return Buffer.concat([holdRecordBody(record), signature])
}

/** Reads one record; views, not copies. The signature is still to be verified. Fails with `corrupt`, `newer-version`. */
export function decodeHoldRecord(bytes: Buffer): { record: HoldRecord; body: Buffer; signature: Buffer } {
  requireRule(bytes.length > SIGNATURE_BYTES && bytes.length <= HOLD_RECORD_BYTES_MAX, 'hold: impossible length')
  const body = bytes.subarray(0, -SIGNATURE_BYTES)
  const reader = new Reader(body)
  requireVersion('hold', reader.u8(), VERSION)
  const record = readRecord(reader.u8(), reader)
  reader.end()
  return { record, body, signature: bytes.subarray(-SIGNATURE_BYTES) }
}

/** A count and the blocks, in ascending order. */
export function writeBlocks(writer: Writer, blocks: readonly HeldBlock[]): void {
  writeCount(writer, blocks.length)
  for (const { digest, sealedBytes } of blocks) {
    writeExactly(writer, digest, DIGEST_BYTES)
    writer.u32(sealedBytes)
  }
}

export function readBlocks(reader: Reader): HeldBlock[] {
  return readAscending(
    reader,
    (from) => {
      const block = { digest: from.bytes(DIGEST_BYTES), sealedBytes: from.u32() }
      requireRule(block.sealedBytes > 0 && block.sealedBytes <= BLOCK_BYTES_MAX, 'hold: impossible length of a block')
      return block
    },
    ({ digest }) => digest,
  )
}

export function writeDigests(writer: Writer, digests: readonly Buffer[]): void {
  writeCount(writer, digests.length)
  for (const digest of digests) writeExactly(writer, digest, DIGEST_BYTES)
}

export function readDigests(reader: Reader): Buffer[] {
  return readAscending(
    reader,
    (from) => from.bytes(DIGEST_BYTES),
    (digest) => digest,
  )
}

export function writeCount(writer: Writer, count: number): void {
  assert(count >= 1 && count <= HELD_BLOCKS_MAX, 'one to 1,024 blocks')
  writer.u16(count)
}

/** A count and so many items, each greater than the one before: so a list has one encoding, and nothing stands in it twice. */
export function readAscending<T>(reader: Reader, read: (reader: Reader) => T, keyOf: (item: T) => Buffer): T[] {
  const count = reader.u16()
  requireRule(count >= 1 && count <= HELD_BLOCKS_MAX, 'hold: impossible count')
  const items: T[] = []
  let before: Buffer | undefined
  for (let index = 0; index < count; index++) {
    const item = read(reader)
    const key = keyOf(item)
    if (before !== undefined && Buffer.compare(before, key) >= 0) throw corrupt('hold: not in ascending order')
    items.push(item)
    before = key
  }
  return items
}

export function writeExactly(writer: Writer, bytes: Buffer, length: number): void {
  assert(bytes.length === length, `${length} bytes`)
  writer.bytes(bytes)
}

function readRecord(kindNumber: number, reader: Reader): HoldRecord {
  const key = () => reader.bytes(PUBLIC_KEY_BYTES)
  const parties = {
    network: key(),
    owner: key(),
    requester: key(),
    holder: key(),
    nonce: reader.bytes(HOLD_NONCE_BYTES),
  }
  switch (kindNumber) {
    case KINDS.hold:
      return { kind: 'hold', ...parties, termMs: reader.u53(), blocks: readBlocks(reader) }
    case KINDS.release:
      return { kind: 'release', ...parties, signer: key(), digests: readDigests(reader) }
    default:
      throw corrupt('hold: unknown kind')
  }
}
