/**
 * Key files under a passphrase: the whole text of one, sealed with the home key (`passphrase.ts`).
 *
 *     dfs personal key 3          dfs identity key 2
 *     salt: BASE32                salt: BASE32
 *     sealed: BASE32              sealed: BASE32
 *     check: BASE32               check: BASE32
 *
 * A dfs that knows no passphrase takes it for a file of a newer one, and leaves it as it is.
 */
import { randomBytes } from 'node:crypto'
import { encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { openMessage, type Seal, sealMessage, secretKey } from './aead.ts'
import { keyedHash } from './hash.ts'
import { type FileKind, PLAIN_VERSIONS } from './key-file.ts'
import { bytesOf, damagedKey, decodeKeyText, encodeKeyText, titleOf } from './key-text.ts'

const SALT_BYTES = 16
const NONCE = Buffer.alloc(12)

/** The text of the sealed file; another one each time. `homeKey`: 32 bytes. */
export function sealKeyFile(kind: FileKind, plain: string, homeKey: Buffer): string {
  const salt = randomBytes(SALT_BYTES)
  const sealed = sealMessage(sealOf(kind, salt, homeKey), Buffer.from(plain))
  return encodeKeyText(kind, sealedVersion(kind), { salt: encodeBase32(salt), sealed: encodeBase32(sealed) })
}

export function isSealedKeyFile(kind: FileKind, text: string): boolean {
  return text.startsWith(titleOf(kind, sealedVersion(kind)))
}

/** The text of the plain file. Fails with `wrong-key` if it is under another home key, and with `corrupt`. */
export function openKeyFile(kind: FileKind, text: string, homeKey: Buffer): string {
  const found = decodeKeyText(kind, text, sealedVersion(kind))
  const seal = sealOf(kind, bytesOf(kind, found, 'salt', SALT_BYTES), homeKey)
  const plain = openMessage(seal, bytesOf(kind, found, 'sealed'))
  if (plain !== undefined) return plain.toString()
  throw new DfsError('wrong-key', `the ${kind} key file is sealed with the passphrase file of another home`, {
    op: `read ${kind} key`,
    mend: damagedKey(kind).mend!,
  })
}

/** The key is of this salt, which is new for each seal, and of no other message. */
function sealOf(kind: FileKind, salt: Buffer, homeKey: Buffer): Seal {
  const aad = Buffer.from(titleOf(kind, sealedVersion(kind)))
  return { key: secretKey(keyedHash(homeKey, salt)), nonce: NONCE, aad }
}

function sealedVersion(kind: FileKind): number {
  return PLAIN_VERSIONS[kind] + 1
}
