/** Statements with their signatures: made by whoever holds the keys, verified before anything else is asked of them. */
import { kindOf } from '../errors.ts'
import {
  acceptanceBody,
  type DeviceStatement,
  decodeStatement,
  encodeStatement,
  type Statement,
  type SucceedNetworkStatement,
  type SucceedOwnerStatement,
  statementBody,
  successionBody,
} from '../format/membership.ts'
import { type SigningKey, verifySignature } from '../seal/signing.ts'

const STATEMENT = 'dfs 2026-11 v1 membership statement'
const ACCEPTANCE = 'dfs 2026-11 v1 membership acceptance'
const SUCCESSION = 'dfs 2026-11 v1 membership succession'

export type Unsigned<S extends Statement> = S extends Statement ? Omit<S, 'signer' | 'acceptance' | 'consent'> : never

type Named<S extends { consent: Buffer }> = Omit<S, 'signer' | 'successor' | 'consent'>

/** A statement and its bytes. Whether its signatures hold, `isSigned` tells; whether its signer has a say, the membership. */
export interface SignedStatement {
  readonly statement: Statement
  /** In memory of its own. */
  readonly bytes: Buffer
}

/** The statement's bytes, signed by `key`. */
export function signStatement(
  unsigned: Unsigned<Exclude<Statement, { acceptance: Buffer } | { consent: Buffer }>>,
  key: SigningKey,
): Buffer {
  return signed({ ...unsigned, signer: key.publicKey } as Statement, key)
}

/** A device statement; `acceptance` comes from `acceptOwner` on the device. */
export function signDevice(unsigned: Unsigned<DeviceStatement> & { acceptance: Buffer }, key: SigningKey): Buffer {
  return signed({ ...unsigned, signer: key.publicKey }, key)
}

/** The device's own word that it belongs to this owner in this network: 64 bytes. */
export function acceptOwner(network: Buffer, owner: Buffer, device: SigningKey): Buffer {
  return device.sign(ACCEPTANCE, acceptanceBody({ network, owner, device: device.publicKey }))
}

/** Names `successor` as the key after `key`; both sign. */
export function signSuccession(
  unsigned: Named<SucceedNetworkStatement> | Named<SucceedOwnerStatement>,
  key: SigningKey,
  successor: SigningKey,
): Buffer {
  const named = { ...unsigned, signer: key.publicKey, successor: successor.publicKey }
  const consent = successor.sign(SUCCESSION, successionBody(named))
  return signed({ ...named, consent } as Statement, key)
}

/** Reads a statement; nothing is verified yet. Fails with `corrupt`, `newer-version`. */
export function readStatement(bytes: Buffer): SignedStatement {
  const own = Buffer.from(bytes)
  return { statement: decodeStatement(own).statement, bytes: own }
}

/** The same as a list: empty if the bytes are no statement that this dfs can read. */
export function readIfStatement(bytes: Buffer): SignedStatement[] {
  try {
    return [readStatement(bytes)]
  } catch (error) {
    if (kindOf(error) === 'internal') throw error
    return []
  }
}

/** Whether every signature in it holds. */
export function isSigned({ statement, bytes }: SignedStatement): boolean {
  const { body, signature } = decodeStatement(bytes)
  if (!verifySignature(statement.signer, STATEMENT, body, signature)) return false
  if (statement.kind === 'device') return isAccepted(statement)
  if (!('successor' in statement)) return true
  return verifySignature(statement.successor, SUCCESSION, successionBody(statement), statement.consent)
}

/** Whether the device itself agreed to this owner and network. */
export function isAccepted(statement: Pick<DeviceStatement, 'network' | 'owner' | 'device' | 'acceptance'>): boolean {
  return verifySignature(statement.device, ACCEPTANCE, acceptanceBody(statement), statement.acceptance)
}

function signed(statement: Statement, key: SigningKey): Buffer {
  return encodeStatement(statement, key.sign(STATEMENT, statementBody(statement)))
}
