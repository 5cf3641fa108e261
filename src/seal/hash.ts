/**
 * BLAKE3, plain and keyed.
 *
 * One native hasher is kept per key and reset between messages: making a hasher costs some 20 µs, using one 2 µs.
 * So keys given here must be the few long-lived secrets of `keys.ts`, never a key that is used once.
 */
import { Blake3Hasher } from '@napi-rs/blake-hash'

const plainHasher = new Blake3Hasher()
const keyedHashers = new WeakMap<Buffer, Blake3Hasher>()

/** BLAKE3-256 of the bytes: the digest inside a CID. */
export function digestOf(bytes: Uint8Array): Buffer {
  return digest(plainHasher, [bytes])
}

/** Keyed BLAKE3-256 over the parts as if they were one message. `secret`: 32 bytes, long-lived. */
export function keyedHash(secret: Buffer, ...parts: Uint8Array[]): Buffer {
  let hasher = keyedHashers.get(secret)
  if (hasher === undefined) {
    hasher = Blake3Hasher.newKeyed(secret)
    keyedHashers.set(secret, hasher)
  }
  return digest(hasher, parts)
}

/** What content is compared by: equal plaintext, equal hash, for all who have the personal key and for nobody else. */
export function contentHash(keys: { readonly hashSecret: Buffer }, plain: Uint8Array): Buffer {
  return keyedHash(keys.hashSecret, plain)
}

function digest(hasher: Blake3Hasher, parts: Uint8Array[]): Buffer {
  hasher.reset()
  for (const part of parts) hasher.update(part)
  // As text, because a buffer made by the native side costs three times as much.
  return Buffer.from(hasher.digest('hex'), 'hex')
}
