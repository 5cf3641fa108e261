/**
 * Sealing of rows of the index of a synced folder: they hold keys of blocks, and small files whole.
 *
 * Each seal has a random salt and a key of its own derived from it, so one fixed nonce serves. What a row is of is
 * authenticated with it: rows cannot change places.
 */
import { DfsError } from '../errors.ts'
import { NONCE_BYTES } from '../format/block.ts'
import { KEY_ID_BYTES, SALT_BYTES } from '../format/envelope.ts'
import { openMessage, type Seal, sealMessage, secretKey } from './aead.ts'
import { keyedHash } from './hash.ts'
import type { EpochKeys, Keys } from './keys.ts'
import { newSalt } from './salt.ts'

const NONCE = Buffer.alloc(NONCE_BYTES)
const HEAD_BYTES = KEY_ID_BYTES + SALT_BYTES

/** Key id, salt, ciphertext and tag. */
export function sealRow(key: Buffer, row: Buffer, keys: Keys): Buffer {
  const head = Buffer.concat([keys.keyId, newSalt()])
  return Buffer.concat([head, sealMessage(sealOf(key, head, keys), row)])
}

/** Fails with `corrupt`, and with `wrong-key` if it is sealed with another personal key. */
export function openRow(key: Buffer, sealed: Buffer, keys: Keys): Buffer {
  const head = sealed.subarray(0, HEAD_BYTES)
  const epoch = keys.ofKeyId(head.subarray(0, KEY_ID_BYTES))
  if (epoch === undefined)
    throw new DfsError('wrong-key', 'the index of the folder is sealed with another personal key')
  const row = openMessage(sealOf(key, head, epoch), sealed.subarray(HEAD_BYTES))
  if (row === undefined) throw new DfsError('corrupt', 'a row of the index of the folder does not authenticate')
  return row
}

function sealOf(key: Buffer, head: Buffer, keys: EpochKeys): Seal {
  const derived = secretKey(keyedHash(keys.syncSecret, head.subarray(KEY_ID_BYTES)))
  return { key: derived, nonce: NONCE, aad: Buffer.concat([head, key]) }
}
