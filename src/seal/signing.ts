/**
 * Ed25519 (RFC 8032) over what a context names: a signature made for one use counts for no other.
 *
 * What is signed is the context's ASCII text, a zero byte, and the message.
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { type Identity, identityOfSeed } from './key-file.ts'

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

export interface SigningKey extends Identity {
  /** 64 bytes. `context` names the use, and is no other use's beginning. */
  sign(context: string, message: Buffer): Buffer
}

/** `seed`: 32 bytes, the private key of RFC 8032. */
export function signingKeyOfSeed(seed: Buffer): SigningKey {
  const { privateKey, publicKey } = identityOfSeed(seed)
  return { privateKey, publicKey, sign: (context, message) => sign(null, inContext(context, message), privateKey) }
}

/** Whether the holder of `publicKey` (32 bytes) signed the message for this use. Never throws. */
export function verifySignature(publicKey: Buffer, context: string, message: Buffer, signature: Buffer): boolean {
  try {
    return verify(null, inContext(context, message), keyOf(publicKey), signature)
  } catch {
    return false // The bytes are no point of the curve.
  }
}

function keyOf(publicKey: Buffer): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' })
}

function inContext(context: string, message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(context, 'ascii'), Buffer.alloc(1), message])
}
