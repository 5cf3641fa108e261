/**
 * `network.json`: which network this home is in, and by which key its owner is known there. A home without the file is
 * in the private network that follows from its personal key.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { decodeBase32, encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { PUBLIC_KEY_BYTES } from '../format/device-id.ts'
import type { NetworkIdentity } from '../net/member.ts'
import { replaceFile } from '../store/small-file.ts'

const FORMAT = 1

/** Undefined if there is no file. Fails with `newer-version` or `corrupt`; the file is left as it is. */
export function readNetwork(home: string): NetworkIdentity | undefined {
  const file = networkFile(home)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const { format, kind, network, owner } = parse(file, text)
  if (typeof format === 'number' && format > FORMAT) {
    throw new DfsError('newer-version', `was written by a newer dfs (format ${format})`, {
      subject: file,
      mend: 'use that dfs',
    })
  }
  if (format !== FORMAT || (kind !== 'private' && kind !== 'public')) throw damaged(file)
  return { kind, network: keyOf(file, network), owner: keyOf(file, owner) }
}

export function writeNetwork(home: string, { kind, network, owner }: NetworkIdentity): Promise<void> {
  const content = { format: FORMAT, kind, network: encodeBase32(network), owner: encodeBase32(owner) }
  return replaceFile(networkFile(home), Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`))
}

function networkFile(home: string): string {
  return path.join(home, 'network.json')
}

function parse(file: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  throw damaged(file)
}

function keyOf(file: string, text: unknown): Buffer {
  try {
    const key = decodeBase32(String(text))
    if (key.length === PUBLIC_KEY_BYTES) return key
  } catch {}
  throw damaged(file)
}

function damaged(file: string): DfsError {
  return new DfsError('corrupt', 'is damaged', { subject: file, mend: 'restore it from a backup' })
}
