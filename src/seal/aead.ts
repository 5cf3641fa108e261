/**
 * AES-256-GCM with the tag behind the ciphertext. Callers see to it that a key and a nonce seal one message, ever.
 *
 * Keys are KeyObjects throughout: node:crypto takes 20 µs more to start a cipher from the bare 32 bytes.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { gather, lengthOfAll } from '../bytes/gather.ts'
import { collectorOfBytes } from '../concurrency/heap.ts'
import { TAG_BYTES } from '../format/block.ts'

const CIPHER = 'aes-256-gcm'
/** What is sealed at a time: node:crypto takes as much new memory. */
const UPDATE_BYTES = 256 * 1024
const collectAfter = collectorOfBytes()

/** What a message is sealed and opened with. */
export interface Seal {
  readonly key: KeyObject
  /** 12 bytes. */
  readonly nonce: Buffer
  /** Authenticated along with the message. */
  readonly aad: Buffer
}

/** `bytes`: 32. */
export function secretKey(bytes: Buffer): KeyObject {
  return createSecretKey(bytes)
}

/** Writes ciphertext and tag to `target` at `offset`; returns where they end. */
export function sealInto(target: Buffer, offset: number, { key, nonce, aad }: Seal, plain: Buffer): number {
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(aad)
  for (let at = 0; at < plain.length; at += UPDATE_BYTES) {
    target.set(cipher.update(plain.subarray(at, at + UPDATE_BYTES)), offset + at)
  }
  cipher.final()
  target.set(cipher.getAuthTag(), offset + plain.length)
  return offset + plain.length + TAG_BYTES
}

/**
 * Ciphertext and tag of a message in pieces that are not to change until the end; as they come, so that a long one takes no
 * memory to speak of.
 */
export function* sealPieces({ key, nonce, aad }: Seal, plain: readonly Buffer[]): Generator<Buffer> {
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(aad)
  const bytes = Math.min(lengthOfAll(plain), UPDATE_BYTES)
  for (const gathered of gather(plain, bytes)) {
    yield cipher.update(gathered)
    collectAfter(gathered.length)
  }
  cipher.final()
  yield cipher.getAuthTag()
}

/** Ciphertext and tag. */
export function sealMessage(seal: Seal, plain: Buffer): Buffer {
  const sealed = Buffer.allocUnsafe(plain.length + TAG_BYTES)
  sealInto(sealed, 0, seal, plain)
  return sealed
}

/** The message, in memory of its own; undefined if it does not authenticate. */
export function openMessage({ key, nonce, aad }: Seal, sealed: Buffer): Buffer | undefined {
  const plainBytes = sealed.length - TAG_BYTES
  if (plainBytes < 0) return undefined
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad)
  decipher.setAuthTag(sealed.subarray(plainBytes))
  const plain = decipher.update(sealed.subarray(0, plainBytes))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plain
}
