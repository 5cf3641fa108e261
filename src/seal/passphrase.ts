/**
 * A passphrase over the key files of a home: it seals the *home key*, 32 random bytes, which seals them (`key-file-seal.ts`).
 * So changing the passphrase writes one file, and there is no moment at which one key file is under the old and one
 * under the new.
 *
 *     dfs passphrase key 1
 *     memoryKib: 65536
 *     passes: 3
 *     lanes: 4
 *     salt: BASE32
 *     sealed: BASE32            (the home key)
 *     check: BASE32
 *
 * The cost is the second recommendation of RFC 9106, section 4, for machines with little memory: 64 MiB, three passes, four
 * lanes; about 0.15 s here. It is in the file, so that another dfs may choose another, and bounded when it is
 * read, so that nobody who can write to the home can have a daemon take all memory.
 */
import { randomBytes } from 'node:crypto'
import { encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { openMessage, type Seal, sealMessage, secretKey } from './aead.ts'
import { type Argon2Cost, argon2id } from './argon2.ts'
import { bytesOf, damagedKey, decodeKeyText, encodeKeyText, type KeyText } from './key-text.ts'

const VERSION = 1
const COST: Argon2Cost = { memoryKib: 64 * 1024, passes: 3, lanes: 4 }
/** What a file may ask for at most: 1 GiB, and some seconds. */
const COST_MAX: Argon2Cost = { memoryKib: 1024 * 1024, passes: 16, lanes: 16 }
/** RFC 9106, section 3.1. */
const MEMORY_KIB_PER_LANE_MIN = 8
const SALT_BYTES = 16
const HOME_KEY_BYTES = 32
const NONCE = Buffer.alloc(12)

export function newHomeKey(): Buffer {
  return randomBytes(HOME_KEY_BYTES)
}

/** The text of a passphrase file; another one each time. */
export async function lockHomeKey(homeKey: Buffer, passphrase: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const sealed = sealMessage(await sealOf(passphrase, salt, COST), homeKey)
  const { memoryKib, passes, lanes } = COST
  return encodeKeyText('passphrase', VERSION, {
    memoryKib: String(memoryKib),
    passes: String(passes),
    lanes: String(lanes),
    salt: encodeBase32(salt),
    sealed: encodeBase32(sealed),
  })
}

/** The home key. Fails with `wrong-key` if the passphrase is another, `corrupt`, `newer-version`. */
export async function unlockHomeKey(text: string, passphrase: string): Promise<Buffer> {
  const found = decodeKeyText('passphrase', text, VERSION)
  const cost = {
    memoryKib: costOf(found, 'memoryKib'),
    passes: costOf(found, 'passes'),
    lanes: costOf(found, 'lanes'),
  }
  if (cost.memoryKib < MEMORY_KIB_PER_LANE_MIN * cost.lanes) throw damagedKey('passphrase')
  const [salt, sealed] = [bytesOf('passphrase', found, 'salt', SALT_BYTES), bytesOf('passphrase', found, 'sealed')]
  const homeKey = openMessage(await sealOf(passphrase, salt, cost), sealed)
  if (homeKey?.length === HOME_KEY_BYTES) return homeKey
  throw new DfsError('wrong-key', 'the passphrase is wrong', { op: 'unlock' })
}

/** The key is of this salt, which is new for each seal, and of no other message. */
async function sealOf(passphrase: string, salt: Buffer, cost: Argon2Cost): Promise<Seal> {
  // The same letters are typed as one code point here, and as two there (RFC 8265, section 4.2).
  const message = Buffer.from(passphrase.normalize('NFC'))
  const key = await argon2id(message, salt, cost)
  message.fill(0)
  return { key: secretKey(key), nonce: NONCE, aad: Buffer.from(`dfs passphrase key ${VERSION}\n`) }
}

function costOf({ fields }: KeyText, name: keyof Argon2Cost): number {
  const text = fields.get(name) ?? ''
  if (!/^[1-9]\d{0,8}$/.test(text) || Number(text) > COST_MAX[name]) throw damagedKey('passphrase')
  return Number(text)
}
