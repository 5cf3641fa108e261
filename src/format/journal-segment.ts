/**
 * A journal segment: a header, then sealed records one after the other.
 *
 *     header (56) | record head (12), ciphertext, tag (16) | ...
 *
 * The head of a record is checked on its own, so that a record that the end of the file cut off (torn: the end
 * of the log) is never confused with one that was damaged later (damaged: something is lost). A record's number is its nonce; it goes up from
 * record to record and is never used again in its segment, not even when an append failed.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { NONCE_BYTES, TAG_BYTES } from './block.ts'
import { KEY_ID_BYTES } from './envelope.ts'
import { RECORD_BYTES_MAX } from './journal-record.ts'
import { magicNumber, requireRule, requireVersion } from './refuse.ts'

export const SEGMENT_HEADER_BYTES = 56
export const SEGMENT_SALT_BYTES = 32
export const RECORD_HEAD_BYTES = 12
export const RECORD_NUMBER_MAX = 0xffff_ffff

const MAGIC = magicNumber('dfsj')
const VERSION = 1
const AES_256_GCM = 1

export interface SegmentHeader {
  /** 8 bytes: names the personal key. */
  readonly keyId: Buffer
  readonly epoch: number
  /** 32 bytes, random: the segment's key is derived with it. */
  readonly salt: Buffer
}

/** What stands at an offset of a segment. */
export type RecordFrame =
  /** A whole record: number, ciphertext with tag, its head (the additional data), and where the next one begins. */
  | {
      readonly kind: 'record'
      readonly number: number
      readonly sealed: Buffer
      readonly aad: Buffer
      readonly end: number
    }
  /** The end of the log: no bytes left, a record cut off by the end of the file, or only zeroes left. */
  | { readonly kind: 'end'; readonly torn: boolean }
  /** Neither: bytes of the segment were damaged. */
  | { readonly kind: 'damaged' }

export function encodeSegmentHeader({ keyId, epoch, salt }: SegmentHeader): Buffer {
  assert(keyId.length === KEY_ID_BYTES && salt.length === SEGMENT_SALT_BYTES)
  return new Writer().u32(MAGIC).u8(VERSION).u8(AES_256_GCM).u16(0).bytes(keyId).u32(epoch).u32(0).bytes(salt).finish()
}

/** Reads the header from the start of a segment; its fields point into `bytes`. Fails with `corrupt`, `newer-version`. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader {
  const reader = new Reader(bytes)
  requireRule(reader.u32() === MAGIC, 'journal segment: not a segment (magic)')
  requireVersion('journal segment', reader.u8(), VERSION)
  requireRule(reader.u8() === AES_256_GCM, 'journal segment: unknown cipher')
  requireRule(reader.u16() === 0, 'journal segment: reserved bytes are not zero')
  const keyId = reader.bytes(KEY_ID_BYTES)
  const epoch = reader.u32()
  requireRule(reader.u32() === 0, 'journal segment: reserved bytes are not zero')
  return { keyId, epoch, salt: reader.bytes(SEGMENT_SALT_BYTES) }
}

/** The head of a record whose plaintext has `plainBytes` bytes: written before ciphertext and tag, and their additional data. */
export function encodeRecordHead(number: number, plainBytes: number): Buffer {
  assert(number <= RECORD_NUMBER_MAX && plainBytes > 0 && plainBytes <= RECORD_BYTES_MAX)
  const length = plainBytes + TAG_BYTES
  const head = Buffer.allocUnsafe(RECORD_HEAD_BYTES)
  head.writeUInt32LE(length, 0)
  head.writeUInt32LE(number, 4)
  head.writeUInt32LE(headCheck(length, number), 8)
  return head
}

/** What stands at `offset` of a segment's bytes; `after` is the number of the record before, -1 for the first. Never throws. */
export function decodeRecordFrame(segment: Buffer, offset: number, after: number): RecordFrame {
  const left = segment.length - offset
  if (left <= 0) return { kind: 'end', torn: false }
  if (left < RECORD_HEAD_BYTES || isZeroFrom(segment, offset)) return { kind: 'end', torn: true }
  const length = segment.readUInt32LE(offset)
  const number = segment.readUInt32LE(offset + 4)
  const whole = segment.readUInt32LE(offset + 8) === headCheck(length, number)
  if (!whole || number <= after || length <= TAG_BYTES || length > RECORD_BYTES_MAX + TAG_BYTES)
    return { kind: 'damaged' }
  if (left < RECORD_HEAD_BYTES + length) return { kind: 'end', torn: true }
  const start = offset + RECORD_HEAD_BYTES
  const end = start + length
  return { kind: 'record', number, sealed: segment.subarray(start, end), aad: segment.subarray(offset, start), end }
}

/** The nonce of a record: 8 zero bytes, then its number. */
export function recordNonce(number: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32LE(number, 8)
  return nonce
}

/** Differs from what zeroes, or a length or number with flipped bits, would give. */
function headCheck(length: number, number: number): number {
  return ~(length ^ Math.imul(number, 0x9e37_79b1)) >>> 0
}

function isZeroFrom(segment: Buffer, offset: number): boolean {
  if (segment[offset] !== 0) return false
  return segment.subarray(offset + 1).equals(segment.subarray(offset, -1))
}
