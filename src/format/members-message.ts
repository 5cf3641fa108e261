/**
 * Messages of `/dfs/members/1`: what two devices say to each other to know the same statements.
 *
 * A `hello` shows that its sender is a member, and what it knows; `refused` tells why nothing follows; `statements`
 * carry a part of a set, until `end`.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { decodeStatementSet, encodeStatementSet } from './membership.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'

export const SET_DIGEST_BYTES = 32
/** Statements in one message: fewer than a set may have, so that messages stay short. */
export const MESSAGE_STATEMENTS_MAX = 128
/** Length of the longest message. */
export const MEMBERS_MESSAGE_BYTES_MAX = 64 * 1024

export type MembersMessage =
  | { readonly kind: 'hello'; readonly digest: Buffer; readonly statements: readonly Buffer[] }
  | { readonly kind: 'refused'; readonly statements: readonly Buffer[] }
  | { readonly kind: 'statements'; readonly statements: readonly Buffer[] }
  | { readonly kind: 'end' }

const VERSION = 1
const KINDS: readonly MembersMessage['kind'][] = ['hello', 'refused', 'statements', 'end']

export function encodeMembersMessage(message: MembersMessage): Buffer {
  const writer = new Writer().u8(VERSION).u8(KINDS.indexOf(message.kind))
  if (message.kind === 'end') return writer.finish()
  if (message.kind === 'hello') {
    assert(message.digest.length === SET_DIGEST_BYTES)
    writer.bytes(message.digest)
  }
  assert(message.statements.length <= MESSAGE_STATEMENTS_MAX)
  return writer.bytes(encodeStatementSet(message.statements)).finish()
}

/** Views, not copies. Fails with `corrupt`, `newer-version`. */
export function decodeMembersMessage(bytes: Buffer): MembersMessage {
  requireRule(bytes.length <= MEMBERS_MESSAGE_BYTES_MAX, 'members message: too long')
  const reader = new Reader(bytes)
  requireVersion('members message', reader.u8(), VERSION)
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw corrupt('members message: unknown kind')
  if (kind === 'end') {
    reader.end()
    return { kind }
  }
  const digest = kind === 'hello' ? reader.bytes(SET_DIGEST_BYTES) : undefined
  const statements = decodeStatementSet(reader.bytes(reader.remaining))
  requireRule(statements.length <= MESSAGE_STATEMENTS_MAX, 'members message: too many statements')
  return digest === undefined
    ? { kind: kind as 'refused' | 'statements', statements }
    : { kind: 'hello', digest, statements }
}
