/**
 * The envelope around something small sealed in place: a stub slot, a stub's trailer. 48 bytes in clear say
 * which key and salt opens it, and are the additional data of the seal; ciphertext and tag follow.
 * Views, not copies: what is decoded points into the bytes given.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { TAG_BYTES } from './block.ts'
import { requireRule, requireVersion } from './refuse.ts'

export const ENVELOPE_HEAD_BYTES = 48
export const KEY_ID_BYTES = 8
export const SALT_BYTES = 16

const VERSION = 1
const AES_256_GCM = 1

/** What an envelope says in clear. */
export interface EnvelopeHead {
  /** 8 bytes: names the personal key that seals. */
  readonly keyId: Buffer
  /** Key epoch, 0 before any device was removed. */
  readonly epoch: number
  /** The sequence number of the state in a slot; 0 in a trailer. */
  readonly sequence: number
  /** 16 bytes, random for every seal: the key of this one seal is derived with it. */
  readonly salt: Buffer
}

export interface Envelope extends EnvelopeHead {
  /** Ciphertext and tag. */
  readonly sealed: Buffer
  /** The head's 48 bytes: the additional data of the seal. */
  readonly aad: Buffer
}

/** Which envelope: its magic, its name in errors, and how long it may be in all. */
export interface EnvelopeType {
  readonly magic: number
  readonly name: string
  readonly bytesMax: number
}

/** The head: the additional data for sealing what, ciphertext and tag, will be `sealedBytes` long. */
export function encodeHead(type: EnvelopeType, head: EnvelopeHead, sealedBytes: number): Buffer {
  assert(head.keyId.length === KEY_ID_BYTES && head.salt.length === SALT_BYTES)
  assert(sealedBytes > TAG_BYTES && ENVELOPE_HEAD_BYTES + sealedBytes <= type.bytesMax)
  return new Writer()
    .u32(type.magic)
    .u8(VERSION)
    .u8(AES_256_GCM)
    .u16(0)
    .bytes(head.keyId)
    .u32(head.epoch)
    .u32(sealedBytes)
    .u53(head.sequence)
    .bytes(head.salt)
    .finish()
}

export function encodeEnvelope(type: EnvelopeType, envelope: EnvelopeHead & { readonly sealed: Buffer }): Buffer {
  return Buffer.concat([encodeHead(type, envelope, envelope.sealed.length), envelope.sealed])
}

/**
 * Reads the envelope at the start of `bytes`; what follows it is not looked at. Undefined if nothing was ever
 * written there (no bytes, or all zero). Fails with `corrupt`, `newer-version`.
 */
export function decodeEnvelope({ magic, name, bytesMax }: EnvelopeType, bytes: Buffer): Envelope | undefined {
  if (isBlank(bytes)) return undefined
  const reader = new Reader(bytes)
  requireRule(reader.u32() === magic, `${name}: not a ${name} (magic)`)
  requireVersion(name, reader.u8(), VERSION)
  requireRule(reader.u8() === AES_256_GCM, `${name}: unknown cipher`)
  requireRule(reader.u16() === 0, `${name}: reserved bytes are not zero`)
  const keyId = reader.bytes(KEY_ID_BYTES)
  const epoch = reader.u32()
  const sealedBytes = reader.u32()
  requireRule(sealedBytes > TAG_BYTES && ENVELOPE_HEAD_BYTES + sealedBytes <= bytesMax, `${name}: impossible length`)
  const sequence = reader.u53()
  const salt = reader.bytes(SALT_BYTES)
  return {
    keyId,
    epoch,
    sequence,
    salt,
    sealed: reader.bytes(sealedBytes),
    aad: bytes.subarray(0, ENVELOPE_HEAD_BYTES),
  }
}

function isBlank(bytes: Buffer): boolean {
  if (bytes.length === 0) return true
  // A buffer is all zero if its first byte is, and each byte equals the one before it.
  return bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1))
}
