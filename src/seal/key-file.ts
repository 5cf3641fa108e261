/**
 * The two key files of a home (`key-text.ts`):
 *
 *     dfs personal key 1          dfs identity key 1
 *     key: BASE32                 key: BASE32
 *     epoch: 0
 *     check: BASE32               check: BASE32
 *
 * The number at the end of the first line is the format's version. Once devices were removed, and the epoch is not 0,
 * a personal key's file is of version 2 and has a line `epochN: BASE32` for each earlier epoch N that is known, the
 * earliest first. The identity's key is an Ed25519 seed (RFC 8032, the 32-byte private key). Either file under a passphrase
 * is of the next version, and is told of in `key-file-seal.ts`.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import { encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { bytesOf, damagedKey, decodeKeyText, encodeKeyText } from './key-text.ts'
import type { PersonalKey } from './keys.ts'

/** The newest version of each as plain text. */
export const PLAIN_VERSIONS = { personal: 2, identity: 1 } as const
const KEY_BYTES = 32
const EPOCH_MAX = 0xffffffff
/** DER of a PKCS #8 Ed25519 private key, up to the seed (RFC 8410, §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export type FileKind = 'personal' | 'identity'

export interface PersonalKeyFile extends PersonalKey {
  /** The personal keys of earlier epochs, the earliest first. */
  readonly older: readonly PersonalKey[]
}

/** A device's identity: what it signs with, and what names it. */
export interface Identity {
  readonly privateKey: KeyObject
  /** 32 bytes. */
  readonly publicKey: Buffer
}

export function encodePersonalKeyFile({ personalKey, epoch, older }: PersonalKeyFile): string {
  const earlier = older.map((one) => [`epoch${one.epoch}`, encodeKey(one.personalKey)])
  const fields = { key: encodeKey(personalKey), epoch: String(epoch), ...Object.fromEntries(earlier) }
  return encodeKeyText('personal', older.length === 0 ? 1 : 2, fields)
}

/** Fails with `corrupt` or `newer-version`; nothing of the file's text is in the message. */
export function decodePersonalKeyFile(text: string): PersonalKeyFile {
  const found = decodeKeyText('personal', text, PLAIN_VERSIONS.personal)
  const epoch = epochOf(found.fields.get('epoch') ?? '')
  const older = [...found.fields.keys()]
    .filter((name) => /^epoch\d+$/.test(name))
    .map((name) => ({
      personalKey: bytesOf('personal', found, name, KEY_BYTES),
      epoch: epochOf(name.slice('epoch'.length)),
    }))
  if (older.some((one, i) => one.epoch >= (older[i + 1]?.epoch ?? epoch))) throw damagedKey('personal')
  return { personalKey: bytesOf('personal', found, 'key', KEY_BYTES), epoch, older }
}

/** `seed`: the 32 bytes of `newIdentitySeed`. */
export function encodeIdentityFile(seed: Buffer): string {
  return encodeKeyText('identity', 1, { key: encodeKey(seed) })
}

/** The seed. Fails with `corrupt` or `newer-version`; nothing of the file's text is in the message. */
export function decodeIdentityFile(text: string): Buffer {
  return bytesOf('identity', decodeKeyText('identity', text, PLAIN_VERSIONS.identity), 'key', KEY_BYTES)
}

export function newIdentitySeed(): Buffer {
  return randomBytes(KEY_BYTES)
}

export function identityOfSeed(seed: Buffer): Identity {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' })
  return { privateKey, publicKey: Buffer.from(x!, 'base64url') }
}

function encodeKey(key: Buffer): string {
  if (key.length !== KEY_BYTES) throw new DfsError('invalid', `a key has ${KEY_BYTES} bytes, not ${key.length}`)
  return encodeBase32(key)
}

function epochOf(text: string): number {
  if (!/^(0|[1-9]\d{0,9})$/.test(text) || Number(text) > EPOCH_MAX) throw damagedKey('personal')
  return Number(text)
}
