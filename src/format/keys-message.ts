/**
 * Messages of `/dfs/keys/1`, between devices of one owner: `want` asks for the personal key in use, `key` gives it, `none`
 * says that the other side has no newer one to give.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { corrupt, requireVersion } from './refuse.ts'

export type KeysMessage =
  /** `epoch`: of the newest that the asking device has. */
  | { readonly kind: 'want'; readonly epoch: number }
  | { readonly kind: 'key'; readonly epoch: number; readonly personalKey: Buffer }
  | { readonly kind: 'none' }

/** Length of the longest message. */
export const KEYS_MESSAGE_BYTES_MAX = 64

const VERSION = 1
const PERSONAL_KEY_BYTES = 32
const KINDS: readonly KeysMessage['kind'][] = ['want', 'key', 'none']

export function encodeKeysMessage(message: KeysMessage): Buffer {
  const writer = new Writer().u8(VERSION).u8(KINDS.indexOf(message.kind))
  if (message.kind !== 'none') writer.u32(message.epoch)
  if (message.kind === 'key') {
    assert(message.personalKey.length === PERSONAL_KEY_BYTES)
    writer.bytes(message.personalKey)
  }
  return writer.finish()
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeKeysMessage(bytes: Buffer): KeysMessage {
  const reader = new Reader(bytes)
  requireVersion('keys message', reader.u8(), VERSION)
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw corrupt('keys message: unknown kind')
  const message = readBody(kind, reader)
  reader.end()
  return message
}

function readBody(kind: KeysMessage['kind'], reader: Reader): KeysMessage {
  if (kind === 'none') return { kind }
  const epoch = reader.u32()
  return kind === 'want' ? { kind, epoch } : { kind, epoch, personalKey: reader.bytes(PERSONAL_KEY_BYTES) }
}
