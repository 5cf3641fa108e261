/**
 * Who belongs to a network, as signed statements: the network key vouches for owners, owners vouch for devices, and
 * both may name the key that comes after them. A statement is the bytes that were signed, then the signature.
 *
 * Nothing is signed or verified here; `statementBody` is what the signature covers.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { TAG_BYTES } from './block.ts'
import { PUBLIC_KEY_BYTES } from './device-id.ts'
import { readName, writeName } from './name.ts'
import { corrupt, magicNumber, requireRule, requireVersion } from './refuse.ts'

export const SIGNATURE_BYTES = 64
/** A personal key of 32 bytes and its tag. */
export const SEALED_KEY_BYTES = 32 + TAG_BYTES
/** Length of the longest statement. */
export const STATEMENT_BYTES_MAX = 384
/** What a set of statements holds at most: enough for some thousand devices. */
export const STATEMENTS_MAX = 4096

const VERSION = 1
const SET_MAGIC = magicNumber('dfsm')
const EPOCH_MAX = 0xffff_ffff

interface Signed {
  /** 32 bytes: names the network; a private network's first key. */
  readonly network: Buffer
  /** 32 bytes: the Ed25519 public key that the statement counts by. */
  readonly signer: Buffer
}

/** The network takes an owner in. */
export interface OwnerStatement extends Signed {
  readonly kind: 'owner'
  /** 32 bytes: names the owner; the owner's first key. */
  readonly owner: Buffer
  readonly name: string
}

/** An owner takes a device in, which has agreed to it. */
export interface DeviceStatement extends Signed {
  readonly kind: 'device'
  readonly owner: Buffer
  /** 32 bytes: the device's identity. */
  readonly device: Buffer
  /** The device's signature over `acceptanceBody`, 64 bytes. */
  readonly acceptance: Buffer
  readonly name: string
}

export interface RemoveOwnerStatement extends Signed {
  readonly kind: 'remove-owner'
  readonly owner: Buffer
}

export interface RemoveDeviceStatement extends Signed {
  readonly kind: 'remove-device'
  readonly owner: Buffer
  readonly device: Buffer
}

/** The network's key is another from now on; what the one before signed counts no more. */
export interface SucceedNetworkStatement extends Signed {
  readonly kind: 'succeed-network'
  readonly epoch: number
  readonly successor: Buffer
  /** The successor's signature over `successionBody`, 64 bytes. */
  readonly consent: Buffer
}

/** An owner's key is another from now on; what the one before signed counts no more. */
export interface SucceedOwnerStatement extends Signed {
  readonly kind: 'succeed-owner'
  readonly epoch: number
  readonly successor: Buffer
  readonly consent: Buffer
  readonly owner: Buffer
  /** The personal key of the epoch before, sealed with this epoch's: 48 bytes. */
  readonly sealedOlder: Buffer
}

export type Statement =
  | OwnerStatement
  | DeviceStatement
  | RemoveOwnerStatement
  | RemoveDeviceStatement
  | SucceedNetworkStatement
  | SucceedOwnerStatement

export type StatementKind = Statement['kind']

const KINDS: Record<StatementKind, number> = {
  owner: 1,
  device: 2,
  'remove-owner': 3,
  'remove-device': 4,
  'succeed-network': 5,
  'succeed-owner': 6,
}

/** What the signer signs: the statement without its signature. */
export function statementBody(statement: Statement): Buffer {
  const { kind, network, signer } = statement
  const writer = new Writer().u8(VERSION).u8(KINDS[kind])
  writeKeys(writer, network, signer)
  if (kind === 'succeed-network' || kind === 'succeed-owner') {
    const { epoch, successor, consent } = statement
    assert(consent.length === SIGNATURE_BYTES)
    writeKeys(writer.u32(epoch), successor)
    writer.bytes(consent)
  }
  if (kind !== 'succeed-network') writeKeys(writer, statement.owner)
  if (kind === 'device' || kind === 'remove-device') writeKeys(writer, statement.device)
  if (kind === 'device') {
    assert(statement.acceptance.length === SIGNATURE_BYTES)
    writer.bytes(statement.acceptance)
  }
  if (kind === 'owner' || kind === 'device') writeName(writer, statement.name)
  if (kind === 'succeed-owner') {
    assert(statement.sealedOlder.length === SEALED_KEY_BYTES)
    writer.bytes(statement.sealedOlder)
  }
  return writer.finish()
}

/** What a device signs to say that it belongs to this owner in this network. */
export function acceptanceBody({ network, owner, device }: Pick<DeviceStatement, 'network' | 'owner' | 'device'>) {
  return Buffer.concat([network, owner, device])
}

/** What the key that comes after signs, to show that somebody holds it. */
export function successionBody({
  network,
  signer,
  epoch,
  successor,
}: Omit<SucceedNetworkStatement, 'kind' | 'consent'>) {
  return new Writer().bytes(network).bytes(signer).u32(epoch).bytes(successor).finish()
}

export function encodeStatement(statement: Statement, signature: Buffer): Buffer {
  assert(signature.length === SIGNATURE_BYTES)
  return Buffer.concat([statementBody(statement), signature])
}

/** Reads one statement; views, not copies. The signature is still to be verified. Fails with `corrupt`, `newer-version`. */
export function decodeStatement(bytes: Buffer): { statement: Statement; body: Buffer; signature: Buffer } {
  requireRule(bytes.length > SIGNATURE_BYTES && bytes.length <= STATEMENT_BYTES_MAX, 'statement: impossible length')
  const body = bytes.subarray(0, -SIGNATURE_BYTES)
  const reader = new Reader(body)
  requireVersion('statement', reader.u8(), VERSION)
  const statement = readStatement(reader.u8(), reader)
  reader.end()
  return { statement, body, signature: bytes.subarray(-SIGNATURE_BYTES) }
}

/** The file and the message that hold statements. */
export function encodeStatementSet(statements: readonly Buffer[]): Buffer {
  assert(statements.length <= STATEMENTS_MAX)
  const writer = new Writer().u32(SET_MAGIC).u8(VERSION).u8(0).u16(statements.length)
  for (const bytes of statements) writer.u16(bytes.length).bytes(bytes)
  return writer.finish()
}

/** The statements as bytes, each of a possible length; copies of nothing. Fails with `corrupt`, `newer-version`. */
export function decodeStatementSet(bytes: Buffer): Buffer[] {
  const reader = new Reader(bytes)
  requireRule(reader.u32() === SET_MAGIC, 'statements: not a set of statements (magic)')
  requireVersion('statements', reader.u8(), VERSION)
  requireRule(reader.u8() === 0, 'statements: reserved byte is not zero')
  const count = reader.u16()
  requireRule(count <= STATEMENTS_MAX, 'statements: too many')
  const statements: Buffer[] = []
  for (let index = 0; index < count; index++) {
    const length = reader.u16()
    requireRule(length > SIGNATURE_BYTES && length <= STATEMENT_BYTES_MAX, 'statements: impossible length')
    statements.push(reader.bytes(length))
  }
  reader.end()
  return statements
}

function readStatement(kindNumber: number, reader: Reader): Statement {
  const network = reader.bytes(PUBLIC_KEY_BYTES)
  const signer = reader.bytes(PUBLIC_KEY_BYTES)
  const key = () => reader.bytes(PUBLIC_KEY_BYTES)
  const signature = () => reader.bytes(SIGNATURE_BYTES)
  switch (kindNumber) {
    case KINDS.owner:
      return { kind: 'owner', network, signer, owner: key(), name: readName(reader) }
    case KINDS.device:
      return {
        kind: 'device',
        network,
        signer,
        owner: key(),
        device: key(),
        acceptance: signature(),
        name: readName(reader),
      }
    case KINDS['remove-owner']:
      return { kind: 'remove-owner', network, signer, owner: key() }
    case KINDS['remove-device']:
      return { kind: 'remove-device', network, signer, owner: key(), device: key() }
    case KINDS['succeed-network']:
      return { kind: 'succeed-network', network, signer, ...readSuccession(reader) }
    case KINDS['succeed-owner']:
      return {
        kind: 'succeed-owner',
        network,
        signer,
        ...readSuccession(reader),
        owner: key(),
        sealedOlder: reader.bytes(SEALED_KEY_BYTES),
      }
    default:
      throw corrupt('statement: unknown kind')
  }
}

function readSuccession(reader: Reader): Pick<SucceedNetworkStatement, 'epoch' | 'successor' | 'consent'> {
  const epoch = reader.u32()
  requireRule(epoch > 0 && epoch <= EPOCH_MAX, 'statement: epoch 0 succeeds nothing')
  return { epoch, successor: reader.bytes(PUBLIC_KEY_BYTES), consent: reader.bytes(SIGNATURE_BYTES) }
}

function writeKeys(writer: Writer, ...keys: Buffer[]): void {
  for (const key of keys) {
    assert(key.length === PUBLIC_KEY_BYTES)
    writer.bytes(key)
  }
}
