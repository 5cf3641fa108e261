/**
 * What an owner signs with, and how older personal keys are kept. Both follow from a personal key, so that 24 words
 * bring them back.
 *
 * Removing a device begins a new epoch: a new personal key, and with it a new owner key and network key. The new
 * personal key seals the one before it, so whoever holds the newest holds all, and nobody gets a newer one from an older.
 */

import { Blake3Hasher } from '@napi-rs/blake-hash'
import { DfsError } from '../errors.ts'
import { NONCE_BYTES, TAG_BYTES } from '../format/block.ts'
import { openMessage, sealMessage, secretKey } from './aead.ts'
import { PERSONAL_KEY_BYTES } from './keys.ts'
import { type SigningKey, signingKeyOfSeed } from './signing.ts'

const CONTEXTS = {
  owner: 'dfs 2026-11 v1 owner signing key',
  network: 'dfs 2026-11 v1 network signing key',
  older: 'dfs 2026-11 v1 older personal key',
} as const

/** Length of a sealed older key. */
export const SEALED_KEY_BYTES = PERSONAL_KEY_BYTES + TAG_BYTES

/** One message is ever sealed under the key derived from a personal key: the one personal key before it. */
const NONCE = Buffer.alloc(NONCE_BYTES)

/** Signs the owner's devices. */
export function ownerKeyOf(personalKey: Buffer): SigningKey {
  return signingKeyOfSeed(derive(CONTEXTS.owner, personalKey))
}

/** Signs the owners of the private network that this owner founded. */
export function networkKeyOf(personalKey: Buffer): SigningKey {
  return signingKeyOfSeed(derive(CONTEXTS.network, personalKey))
}

/** The personal key of the epoch before `epoch`, sealed for whoever has that epoch's. Always the same bytes. */
export function sealOlderKey(older: Buffer, personalKey: Buffer, epoch: number): Buffer {
  return sealMessage({ key: olderSecret(personalKey), nonce: NONCE, aad: aadOf(epoch) }, older)
}

/** Fails with `corrupt` if it was not sealed so. */
export function openOlderKey(sealed: Buffer, personalKey: Buffer, epoch: number): Buffer {
  const older = openMessage({ key: olderSecret(personalKey), nonce: NONCE, aad: aadOf(epoch) }, sealed)
  if (older?.length === PERSONAL_KEY_BYTES) return older
  throw new DfsError('corrupt', 'an older personal key does not open', { op: 'open older key' })
}

function olderSecret(personalKey: Buffer) {
  return secretKey(derive(CONTEXTS.older, personalKey))
}

function aadOf(epoch: number): Buffer {
  const aad = Buffer.alloc(4)
  aad.writeUInt32LE(epoch)
  return aad
}

function derive(context: string, personalKey: Buffer): Buffer {
  return Buffer.from(Blake3Hasher.deriveKey(context, personalKey))
}
