/**
 * Messages of `/dfs/pair/1`, in the order in which they are sent: `hello` and `request` by the joining device,
 * `welcome`, `grant`, `statements` (some) and `done` by the inviting one, `done` by the joining one. `refused` ends it.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { PUBLIC_KEY_BYTES } from './device-id.ts'
import { decodeStatementSet, encodeStatementSet, SIGNATURE_BYTES, STATEMENT_BYTES_MAX } from './membership.ts'
import { readName, writeName } from './name.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'

export const PAIRING_NONCE_BYTES = 32
export const PAIRING_PROOF_BYTES = 32
/** Statements in one message. */
export const GRANT_STATEMENTS_MAX = 128
/** Length of the longest message. */
export const PAIRING_MESSAGE_BYTES_MAX = 64 * 1024

const VERSION = 1
const PERSONAL_KEY_BYTES = 32

export interface PairingHello {
  readonly kind: 'hello'
  readonly nonce: Buffer
  readonly proof: Buffer
  /** What the joining device is called. */
  readonly name: string
}

export interface PairingWelcome {
  readonly kind: 'welcome'
  readonly nonce: Buffer
  readonly proof: Buffer
  readonly network: 'private' | 'public'
  /** 32 bytes: names the owner of the inviting device. */
  readonly owner: Buffer
  /** What the inviting device is called. */
  readonly name: string
}

export type PairingRequest =
  /** Of a device of the same owner: its acceptance of the welcome's owner. */
  | { readonly kind: 'own-request'; readonly acceptance: Buffer }
  /** Of a friend's: how their owner took the device in. */
  | { readonly kind: 'friend-request'; readonly statement: Buffer }

export type PairingMessage =
  | PairingHello
  | PairingWelcome
  | PairingRequest
  /** To a device of the same owner: the newest personal key. */
  | { readonly kind: 'grant'; readonly personalKey: Buffer; readonly epoch: number }
  | { readonly kind: 'statements'; readonly statements: readonly Buffer[] }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused' }

const KINDS: readonly PairingMessage['kind'][] = [
  'hello',
  'welcome',
  'own-request',
  'friend-request',
  'grant',
  'statements',
  'done',
  'refused',
]

export function encodePairingMessage(message: PairingMessage): Buffer {
  const writer = new Writer().u8(VERSION).u8(KINDS.indexOf(message.kind))
  switch (message.kind) {
    case 'hello':
      writeProof(writer, message)
      writeName(writer, message.name)
      break
    case 'welcome':
      assert(message.owner.length === PUBLIC_KEY_BYTES)
      writeProof(writer, message)
      writer.u8(message.network === 'public' ? 1 : 0).bytes(message.owner)
      writeName(writer, message.name)
      break
    case 'own-request':
      assert(message.acceptance.length === SIGNATURE_BYTES)
      writer.bytes(message.acceptance)
      break
    case 'friend-request':
      writer.bytes(message.statement)
      break
    case 'grant':
      assert(message.personalKey.length === PERSONAL_KEY_BYTES)
      writer.bytes(message.personalKey).u32(message.epoch)
      break
    case 'statements':
      assert(message.statements.length <= GRANT_STATEMENTS_MAX)
      writer.bytes(encodeStatementSet(message.statements))
      break
  }
  return writer.finish()
}

/** Views, not copies. Fails with `corrupt`, `newer-version`. */
export function decodePairingMessage(bytes: Buffer): PairingMessage {
  requireRule(bytes.length <= PAIRING_MESSAGE_BYTES_MAX, 'pairing message: too long')
  const reader = new Reader(bytes)
  requireVersion('pairing message', reader.u8(), VERSION)
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw corrupt('pairing message: unknown kind')
  const message = readBody(kind, reader)
  reader.end()
  return message
}

function readBody(kind: PairingMessage['kind'], reader: Reader): PairingMessage {
  switch (kind) {
    case 'hello':
      return { kind, ...readProof(reader), name: readName(reader) }
    case 'welcome':
      return {
        kind,
        ...readProof(reader),
        network: readNetwork(reader),
        owner: reader.bytes(PUBLIC_KEY_BYTES),
        name: readName(reader),
      }
    case 'own-request':
      return { kind, acceptance: reader.bytes(SIGNATURE_BYTES) }
    case 'friend-request':
      requireRule(reader.remaining <= STATEMENT_BYTES_MAX, 'pairing message: statement too long')
      return { kind, statement: reader.bytes(reader.remaining) }
    case 'grant':
      return { kind, personalKey: reader.bytes(PERSONAL_KEY_BYTES), epoch: reader.u32() }
    case 'statements': {
      const statements = decodeStatementSet(reader.bytes(reader.remaining))
      requireRule(statements.length <= GRANT_STATEMENTS_MAX, 'pairing message: too many statements')
      return { kind, statements }
    }
    case 'done':
    case 'refused':
      return { kind }
  }
}

function writeProof(writer: Writer, { nonce, proof }: { nonce: Buffer; proof: Buffer }): void {
  assert(nonce.length === PAIRING_NONCE_BYTES && proof.length === PAIRING_PROOF_BYTES)
  writer.bytes(nonce).bytes(proof)
}

function readProof(reader: Reader): { nonce: Buffer; proof: Buffer } {
  return { nonce: reader.bytes(PAIRING_NONCE_BYTES), proof: reader.bytes(PAIRING_PROOF_BYTES) }
}

function readNetwork(reader: Reader): 'private' | 'public' {
  const number = reader.u8()
  requireRule(number <= 1, 'pairing message: unknown kind of network')
  return number === 1 ? 'public' : 'private'
}
