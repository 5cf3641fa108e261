/**
 * The stub file `NAME.f`: a line for people, two slots that are overwritten in turn, and in copies kept as
 * versions a trailer with the path the file had.
 *
 *     0 line (256) | 256 slot 0 (at most 3,840) | 4096 slot 1 (at most 3,840) | 8192 trailer
 *
 * Slots do not share a 4 KiB page with each other, so that one torn page never costs both. Only the bytes in
 * use are written; what lies between them is whatever was there before, or a gap.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { ByteString, StubState } from '../dfs.ts'
import { TAG_BYTES } from './block.ts'
import { contentBytes, contentKindNumber, decodeContent } from './content.ts'
import {
  decodeEnvelope,
  ENVELOPE_HEAD_BYTES,
  type Envelope,
  type EnvelopeHead,
  encodeEnvelope,
  encodeHead,
} from './envelope.ts'
import { META_BYTES, readMeta, writeMeta } from './file-meta.ts'
import { magicNumber, requireRule } from './refuse.ts'

export const FILE_ID_BYTES = 16
export const SLOT_OFFSETS = [256, 4096] as const
export const SLOT_BYTES = 3840
/** Length of the longest stub without a trailer: reading so much is always enough for both slots. */
export const STUB_BYTES_MAX = SLOT_OFFSETS[1] + SLOT_BYTES
export const TRAILER_OFFSET = 8192
export const PATH_BYTES_MAX = 0xffff
export const TRAILER_BYTES_MAX = ENVELOPE_HEAD_BYTES + PATH_BYTES_MAX + TAG_BYTES

const SLOT = { magic: magicNumber('dfss'), name: 'stub slot', bytesMax: SLOT_BYTES }
const TRAILER = { magic: magicNumber('dfst'), name: 'stub trailer', bytesMax: TRAILER_BYTES_MAX }

/** A slot's plaintext before its content: file id, metadata, kind of content, a reserved byte. */
const STATE_BYTES = FILE_ID_BYTES + META_BYTES + 2

/** The longest content that a slot carries itself. */
export const INLINE_BYTES_MAX = SLOT_BYTES - ENVELOPE_HEAD_BYTES - STATE_BYTES - TAG_BYTES
/** The longest plaintext of a root node that a slot carries itself. */
export const ROOT_NODE_BYTES_MAX = INLINE_BYTES_MAX

/** The plaintext of a slot; its sequence number is in the envelope. */
export function encodeSlotPlain({ fileId, meta, content }: StubState): Buffer {
  const body = contentBytes(content)
  assert(fileId.length === FILE_ID_BYTES && body.length <= INLINE_BYTES_MAX, 'the content fits a slot')
  assert(content.kind !== 'inline' || body.length === meta.size, 'inline content is whole')
  return writeMeta(new Writer().bytes(fileId), meta).u8(contentKindNumber(content)).u8(0).bytes(body).finish()
}

/** Reads an opened slot; file id and content point into `plain`. Fails with `corrupt`, `newer-version`. */
export function decodeSlotPlain(plain: Buffer, sequence: number): StubState {
  const reader = new Reader(plain)
  const fileId = reader.bytes(FILE_ID_BYTES)
  const meta = readMeta(reader)
  const kindNumber = reader.u8()
  requireRule(reader.u8() === 0, 'stub slot: reserved byte is not zero')
  const content = decodeContent(kindNumber, reader.bytes(reader.remaining))
  requireRule(content.kind !== 'inline' || content.bytes.length === meta.size, 'stub slot: inline content is not whole')
  return { fileId, sequence, meta, content }
}

/** The additional data for sealing a slot's plaintext of `plainBytes` bytes: the envelope's first 48 bytes. */
export function slotAad(head: EnvelopeHead, plainBytes: number): Buffer {
  return encodeHead(SLOT, head, plainBytes + TAG_BYTES)
}

/** The bytes to write at a slot's offset; `sealed` is ciphertext and tag. */
export function encodeSlotEnvelope(envelope: EnvelopeHead & { readonly sealed: Buffer }): Buffer {
  return encodeEnvelope(SLOT, envelope)
}

/**
 * Reads the envelope of a slot from the bytes at its offset (those the file has, at most SLOT_BYTES). Undefined
 * if the slot was never written. Fails with `corrupt`, `newer-version`.
 */
export function decodeSlotEnvelope(slotBytes: Buffer): Envelope | undefined {
  const envelope = decodeEnvelope(SLOT, slotBytes)
  requireRule(envelope === undefined || envelope.sequence > 0, 'stub slot: sequence number 0')
  return envelope
}

/** The plaintext of a trailer: the path that the version's file had, relative to its folder. */
export function encodeTrailerPlain(path: ByteString): Buffer {
  assert(path.length > 0 && path.length <= PATH_BYTES_MAX, 'a path has 1 to 65,535 bytes')
  return Buffer.from(path, 'latin1')
}

/** Reads an opened trailer. Fails with `corrupt`. */
export function decodeTrailerPlain(plain: Buffer): ByteString {
  requireRule(plain.length > 0 && !plain.includes(0), 'stub trailer: not a path')
  return plain.toString('latin1')
}

/** The additional data for sealing a trailer's plaintext of `plainBytes` bytes. */
export function trailerAad(head: Omit<EnvelopeHead, 'sequence'>, plainBytes: number): Buffer {
  return encodeHead(TRAILER, { ...head, sequence: 0 }, plainBytes + TAG_BYTES)
}

/** The bytes to write at TRAILER_OFFSET; `sealed` is ciphertext and tag. */
export function encodeTrailer(envelope: Omit<EnvelopeHead, 'sequence'> & { readonly sealed: Buffer }): Buffer {
  return encodeEnvelope(TRAILER, { ...envelope, sequence: 0 })
}

/** Reads the trailer from the bytes at TRAILER_OFFSET; undefined if there is none. Fails with `corrupt`, `newer-version`. */
export function decodeTrailer(bytes: Buffer): Envelope | undefined {
  const envelope = decodeEnvelope(TRAILER, bytes)
  requireRule(envelope === undefined || envelope.sequence === 0, 'stub trailer: sequence number is not 0')
  return envelope
}
