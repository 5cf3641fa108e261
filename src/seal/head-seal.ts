/**
 * Sealing, signing, checking and opening of head records.
 *
 * A record is sealed under a key of its own, derived from the personal key with a random salt, and signed by the device.
 * Anybody can check the signature; only the owner's devices can open it.
 */
import { randomBytes } from 'node:crypto'
import { DfsError } from '../errors.ts'
import { NONCE_BYTES } from '../format/block.ts'
import { SALT_BYTES } from '../format/envelope.ts'
import {
  decodeHeadBody,
  decodeSealedHead,
  encodeHeadBody,
  type HeadBody,
  type HeadLabel,
  headAad,
  type SealedHead,
} from '../format/head-record.ts'
import { openMessage, type Seal, sealMessage, secretKey } from './aead.ts'
import { keyedHash } from './hash.ts'
import type { EpochKeys, Keys } from './keys.ts'
import { type SigningKey, verifySignature } from './signing.ts'

const SIGNATURE_CONTEXT = 'dfs 2026-11 v1 head record'
const NONCE = Buffer.alloc(NONCE_BYTES)

/** The record's bytes. `device` signs, and must be the device of the label. */
export function sealHead(
  label: HeadLabel,
  body: HeadBody,
  { keys, device }: { keys: Keys; device: SigningKey },
): Buffer {
  if (!label.device.equals(device.publicKey)) throw new DfsError('invalid', 'a head is signed by its own device')
  const plain = encodeHeadBody(body)
  const sealing = { keyId: keys.keyId, epoch: keys.epoch, salt: randomBytes(SALT_BYTES) }
  const aad = headAad(label, sealing, plain.length)
  const signed = Buffer.concat([aad, sealMessage(sealOf(sealing.salt, aad, keys), plain)])
  return Buffer.concat([signed, device.sign(SIGNATURE_CONTEXT, signed)])
}

/**
 * Reads a record and checks that its device signed it. Whether that device belongs to that owner is to be asked elsewhere.
 * Fails with `corrupt`, `newer-version`.
 */
export function verifyHead(bytes: Buffer): SealedHead {
  const head = decodeSealedHead(bytes)
  if (!verifySignature(head.label.device, SIGNATURE_CONTEXT, head.signed, head.signature)) {
    throw new DfsError('corrupt', 'the head is not signed by its device', { op: 'read head' })
  }
  return head
}

/** What a record that was verified says. Fails with `wrong-key`, `corrupt`. */
export function openHead({ version, sealing, aad, sealed }: SealedHead, keys: Keys): HeadBody {
  const epoch = keys.ofKeyId(sealing.keyId)
  if (epoch === undefined) {
    throw new DfsError('wrong-key', 'the head is sealed with another personal key', { op: 'read head' })
  }
  const plain = openMessage(sealOf(sealing.salt, aad, epoch), sealed)
  if (plain === undefined) throw new DfsError('corrupt', 'the head does not authenticate', { op: 'read head' })
  return decodeHeadBody(plain, version)
}

function sealOf(salt: Buffer, aad: Buffer, keys: EpochKeys): Seal {
  return { key: secretKey(keyedHash(keys.headSecret, salt)), nonce: NONCE, aad }
}
