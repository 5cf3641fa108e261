/**
 * Proofs that both ends of a pairing hold the ticket's secret, bound to all that was said.
 *
 * The secret has 128 random bits and is used once, so nothing can be guessed offline. A proof is keyed BLAKE3 over the
 * transcript, under a key derived from the secret for one role: neither end can be shown its own proof.
 */
import { timingSafeEqual } from 'node:crypto'
import { Blake3Hasher } from '@napi-rs/blake-hash'

export const PROOF_BYTES = 32
export const SHORT_CODE_DIGITS = 6

export type PairingRole = 'joiner' | 'inviter'

const CONTEXTS = {
  joiner: 'dfs 2026-11 v1 pairing proof of the joiner',
  inviter: 'dfs 2026-11 v1 pairing proof of the inviter',
  code: 'dfs 2026-11 v1 pairing short code',
} as const

/** 32 bytes. `transcript`: everything that both ends must agree on, their authenticated device keys first. */
export function pairingProof(secret: Buffer, role: PairingRole, transcript: Buffer): Buffer {
  return keyed(CONTEXTS[role], secret, transcript)
}

/** In constant time. */
export function isPairingProof(proof: Buffer, secret: Buffer, role: PairingRole, transcript: Buffer): boolean {
  return proof.length === PROOF_BYTES && timingSafeEqual(proof, pairingProof(secret, role, transcript))
}

/** `123 456`: for people to compare on both screens; equal only if both ends saw the same transcript. */
export function shortCode(secret: Buffer, transcript: Buffer): string {
  const number = keyed(CONTEXTS.code, secret, transcript).readUIntLE(0, 6) % 10 ** SHORT_CODE_DIGITS
  return String(number)
    .padStart(SHORT_CODE_DIGITS, '0')
    .replace(/(\d{3})(?=\d)/, '$1 ')
}

function keyed(context: string, secret: Buffer, transcript: Buffer): Buffer {
  const key = Buffer.from(Blake3Hasher.deriveKey(context, secret))
  const hasher = Blake3Hasher.newKeyed(key)
  hasher.update(transcript)
  return Buffer.from(hasher.digest('hex'), 'hex')
}
