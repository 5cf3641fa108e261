/**
 * What the key files of a home have in common: text of a few lines that says what it is.
 *
 *     dfs KIND key VERSION
 *     NAME: VALUE               (any number of them)
 *     check: BASE32
 *
 * `check` is the first 8 bytes of the BLAKE3 hash of all the lines above it, so that a torn or mistyped file is told
 * from a good one.
 */
import { decodeBase32, encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { digestOf } from './hash.ts'

export type KeyKind = 'personal' | 'identity' | 'passphrase'

export interface KeyText {
  readonly version: number
  readonly fields: ReadonlyMap<string, string>
}

const CHECK_BYTES = 8

/** The first line, with its end. */
export function titleOf(kind: KeyKind, version: number): string {
  return `dfs ${kind} key ${version}\n`
}

export function encodeKeyText(kind: KeyKind, version: number, fields: Readonly<Record<string, string>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`)
  const body = titleOf(kind, version) + lines.join('')
  return `${body}check: ${checkOf(body)}\n`
}

/** Fails with `corrupt`, or `newer-version` above `newest`; nothing of the text is in the message. */
export function decodeKeyText(kind: KeyKind, text: string, newest: number): KeyText {
  const title = /^dfs (\w+) key (\d+)\n/.exec(text)
  if (title === null || title[1] !== kind) throw damagedKey(kind)
  const version = Number(title[2])
  if (version > newest) {
    throw new DfsError('newer-version', `the ${kind} key file is of version ${version}`, {
      op: `read ${kind} key`,
      mend: 'use the dfs that wrote it, or a newer one',
    })
  }
  const [, body, check] = /^(.*\n)check: (\S+)\n*$/s.exec(text) ?? []
  if (version === 0 || body === undefined || check !== checkOf(body)) throw damagedKey(kind)
  const fields = new Map([...body.matchAll(/^(\w+): (.*)$/gm)].map(([, name, value]) => [name!, value!]))
  return { version, fields }
}

/** What a line holds in base32. Fails with `corrupt`, also if it does not have that many bytes. */
export function bytesOf(kind: KeyKind, { fields }: KeyText, name: string, length?: number): Buffer {
  let bytes: Buffer
  try {
    bytes = decodeBase32(fields.get(name) ?? '')
  } catch {
    throw damagedKey(kind)
  }
  if (length !== undefined && bytes.length !== length) throw damagedKey(kind)
  return bytes
}

export function damagedKey(kind: KeyKind): DfsError {
  const backup = 'restore it from a backup'
  const mend = {
    personal: `${backup}, or with \`dfs recover\` and the recovery kit`,
    identity: backup,
    passphrase: `${backup}, or make a new home with \`dfs recover\` and the recovery kit`,
  }
  return new DfsError('corrupt', `the ${kind} key file is damaged`, { op: `read ${kind} key`, mend: mend[kind] })
}

function checkOf(body: string): string {
  return encodeBase32(digestOf(Buffer.from(body)).subarray(0, CHECK_BYTES))
}
