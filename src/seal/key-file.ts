/**
 * The two key files of a home, as text of a few lines that says what it is:
 *
 *     dfs personal key 1          dfs identity key 1
 *     key: BASE32                 key: BASE32
 *     epoch: 0
 *     check: BASE32               check: BASE32
 *
 * The number at the end of the first line is the format's version. Once devices were removed, and the epoch is not 0,
 * a personal key's file is of version 2 and has a line `epochN: BASE32` for each earlier epoch N that is known, the
 * earliest first. `check` is the first 8 bytes of the BLAKE3 hash
 * of all the lines above it, so that a torn or mistyped file is told from a good one. The identity's key is an
 * Ed25519 seed (RFC 8032, the 32-byte private key).
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import { decodeBase32, encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { digestOf } from './hash.ts'
import type { PersonalKey } from './keys.ts'

/** The newest version of each. */
const VERSIONS = { personal: 2, identity: 1 } as const
const KEY_BYTES = 32
const CHECK_BYTES = 8
const EPOCH_MAX = 0xffffffff
/** DER of a PKCS #8 Ed25519 private key, up to the seed (RFC 8410, §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

type FileKind = 'personal' | 'identity'

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
  return encodeFile('personal', older.length === 0 ? 1 : 2, fields)
}

/** Fails with `corrupt` or `newer-version`; nothing of the file's text is in the message. */
export function decodePersonalKeyFile(text: string): PersonalKeyFile {
  const fields = decodeFile('personal', text)
  const epoch = epochOf(fields.get('epoch') ?? '')
  const older = [...fields.keys()]
    .filter((name) => /^epoch\d+$/.test(name))
    .map((name) => ({ personalKey: decodeKey('personal', fields, name), epoch: epochOf(name.slice('epoch'.length)) }))
  if (older.some((one, i) => one.epoch >= (older[i + 1]?.epoch ?? epoch))) throw damaged('personal')
  return { personalKey: decodeKey('personal', fields), epoch, older }
}

/** `seed`: the 32 bytes of `newIdentitySeed`. */
export function encodeIdentityFile(seed: Buffer): string {
  return encodeFile('identity', 1, { key: encodeKey(seed) })
}

/** The seed. Fails with `corrupt` or `newer-version`; nothing of the file's text is in the message. */
export function decodeIdentityFile(text: string): Buffer {
  return decodeKey('identity', decodeFile('identity', text))
}

export function newIdentitySeed(): Buffer {
  return randomBytes(KEY_BYTES)
}

export function identityOfSeed(seed: Buffer): Identity {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' })
  return { privateKey, publicKey: Buffer.from(x!, 'base64url') }
}

function encodeFile(kind: FileKind, version: number, fields: Record<string, string>): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`)
  const body = `dfs ${kind} key ${version}\n${lines.join('')}`
  return `${body}check: ${checkOf(body)}\n`
}

function decodeFile(kind: FileKind, text: string): Map<string, string> {
  const title = /^dfs (personal|identity) key (\d+)\n/.exec(text)
  if (title === null || title[1] !== kind) throw damaged(kind)
  if (Number(title[2]) > VERSIONS[kind]) {
    throw new DfsError('newer-version', `the ${kind} key file is of version ${title[2]}`, {
      op: `read ${kind} key`,
      mend: 'use the dfs that wrote it, or a newer one',
    })
  }
  const [, body, check] = /^(.*\n)check: (\S+)\n*$/s.exec(text) ?? []
  if (body === undefined || check !== checkOf(body)) throw damaged(kind)
  return new Map([...body.matchAll(/^(\w+): (.*)$/gm)].map(([, name, value]) => [name!, value!]))
}

function checkOf(body: string): string {
  return encodeBase32(digestOf(Buffer.from(body)).subarray(0, CHECK_BYTES))
}

function encodeKey(key: Buffer): string {
  if (key.length !== KEY_BYTES) throw new DfsError('invalid', `a key has ${KEY_BYTES} bytes, not ${key.length}`)
  return encodeBase32(key)
}

function decodeKey(kind: FileKind, fields: Map<string, string>, name = 'key'): Buffer {
  const key = decodeBase32(fields.get(name) ?? '')
  if (key.length !== KEY_BYTES) throw damaged(kind)
  return key
}

function epochOf(text: string): number {
  if (!/^(0|[1-9]\d{0,9})$/.test(text) || Number(text) > EPOCH_MAX) throw damaged('personal')
  return Number(text)
}

function damaged(kind: FileKind): DfsError {
  const mend =
    kind === 'personal'
      ? 'restore it from a backup, or with `dfs recover` and the recovery kit'
      : 'restore it from a backup'
  return new DfsError('corrupt', `the ${kind} key file is damaged`, { op: `read ${kind} key`, mend })
}
