/**
 * Messages of `/dfs/heads/1`: who gives its newest head to a member to keep sends `give`, and gets `kept`, `have` or
 * `refused`; who sends `ask` gets a `record` for each head that is kept of the owner, then `end`.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { PUBLIC_KEY_BYTES } from './device-id.ts'
import { HEAD_RECORD_BYTES_MAX } from './head-record.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'

/** `no-member`: of the network, of the owner or the device that the record says. `unavailable`: nothing can be kept now. */
export type HeadRefusal = 'no-member' | 'unavailable'

export type HeadsMessage =
  | { readonly kind: 'give'; readonly record: Buffer }
  /** It is durable. */
  | { readonly kind: 'kept' }
  /** One of the same device is kept that is as new or newer: this one. */
  | { readonly kind: 'have'; readonly record: Buffer }
  | { readonly kind: 'refused'; readonly reason: HeadRefusal }
  /** `owner`: 32 bytes, its first key. */
  | { readonly kind: 'ask'; readonly owner: Buffer }
  | { readonly kind: 'record'; readonly record: Buffer }
  | { readonly kind: 'end' }

const VERSION = 1
const KINDS: readonly HeadsMessage['kind'][] = ['give', 'kept', 'have', 'refused', 'ask', 'record', 'end']
const REASONS: readonly (HeadRefusal | undefined)[] = [undefined, 'no-member', 'unavailable']

/** Length of the longest message. */
export const HEADS_MESSAGE_BYTES_MAX = 2 + HEAD_RECORD_BYTES_MAX

export function encodeHeadsMessage(message: HeadsMessage): Buffer {
  const writer = new Writer().u8(VERSION).u8(KINDS.indexOf(message.kind))
  switch (message.kind) {
    case 'give':
    case 'have':
    case 'record':
      assert(message.record.length > 0 && message.record.length <= HEAD_RECORD_BYTES_MAX)
      return writer.bytes(message.record).finish()
    case 'ask':
      assert(message.owner.length === PUBLIC_KEY_BYTES)
      return writer.bytes(message.owner).finish()
    case 'refused':
      return writer.u8(REASONS.indexOf(message.reason)).finish()
    default:
      return writer.finish()
  }
}

/** Records are views, and not looked at. Fails with `corrupt`, `newer-version`. */
export function decodeHeadsMessage(bytes: Buffer): HeadsMessage {
  requireRule(bytes.length <= HEADS_MESSAGE_BYTES_MAX, 'heads message: too long')
  const reader = new Reader(bytes)
  requireVersion('heads message', reader.u8(), VERSION)
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw corrupt('heads message: unknown kind')
  const message = readBody(kind, reader)
  reader.end()
  return message
}

function readBody(kind: HeadsMessage['kind'], reader: Reader): HeadsMessage {
  switch (kind) {
    case 'give':
    case 'have':
    case 'record':
      requireRule(reader.remaining > 0, 'heads message: no record')
      return { kind, record: reader.bytes(reader.remaining) }
    case 'ask':
      return { kind, owner: reader.bytes(PUBLIC_KEY_BYTES) }
    case 'refused': {
      const reason = REASONS[reader.u8()]
      requireRule(reason !== undefined, 'heads message: unknown reason')
      return { kind, reason }
    }
    default:
      return { kind }
  }
}
