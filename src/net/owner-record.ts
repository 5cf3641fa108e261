/**
 * What is known of one owner: how the network took them in, the line of their keys, their devices and what was
 * removed. Takes verified statements of signers who have a say, and keeps that a removal wins whenever it comes.
 */
import type { Statement } from '../format/membership.ts'
import { KeyLine } from './key-line.ts'
import type { SignedStatement } from './signed-statement.ts'

/** Statements about the devices of one owner; ids never return, so this bounds how many an owner ever has. */
export const OWNER_STATEMENTS_MAX = 256

export type Of<K extends Statement['kind']> = SignedStatement & { readonly statement: Extract<Statement, { kind: K }> }

export class OwnerRecord {
  readonly line: KeyLine
  readonly successions: Of<'succeed-owner'>[] = []
  #entry: Of<'owner'> | undefined
  /** By device key in hex, as the removals. */
  #devices = new Map<string, Of<'device'>>()
  #removals = new Map<string, Of<'remove-device'>>()

  /** `key`: the owner's first. */
  constructor(key: Buffer) {
    this.line = new KeyLine(Buffer.from(key))
  }

  /** How the network took the owner in; the public one takes nobody in. */
  get entry(): Of<'owner'> | undefined {
    return this.#entry
  }

  get devices(): Of<'device'>[] {
    return [...this.#devices.values()]
  }

  get removals(): Of<'remove-device'>[] {
    return [...this.#removals.values()]
  }

  get statements(): SignedStatement[] {
    return [...(this.#entry === undefined ? [] : [this.#entry]), ...this.successions, ...this.devices, ...this.removals]
  }

  // Of two statements that say the same, all devices keep the same one: the greater. Each of these tells whether the
  // statement was new and counts.

  enter(signed: Of<'owner'>): boolean {
    if (!isGreater(signed, this.#entry)) return false
    this.#entry = signed
    return true
  }

  succeed(signed: Of<'succeed-owner'>): boolean {
    if (this.#isFull || !this.line.advance(signed.statement)) return false
    this.successions.push(signed)
    this.dropReplaced(this.line)
    return true
  }

  addDevice(signed: Of<'device'>): boolean {
    const key = signed.statement.device.toString('hex')
    const present = this.#devices.get(key)
    if (this.#removals.has(key) || (this.#isFull && present === undefined) || !isGreater(signed, present)) return false
    this.#devices.set(key, signed)
    return true
  }

  removeDevice(signed: Of<'remove-device'>): boolean {
    const key = signed.statement.device.toString('hex')
    const present = this.#removals.get(key)
    if ((this.#isFull && present === undefined && !this.#devices.has(key)) || !isGreater(signed, present)) return false
    this.#removals.set(key, signed)
    this.#devices.delete(key)
    return true
  }

  /** Forgets what keys signed that `line` has replaced: the network's, or the owner's own. */
  dropReplaced(line: KeyLine): void {
    const counts = (signed: SignedStatement) => !line.isReplaced(signed.statement.signer)
    if (this.#entry !== undefined && !counts(this.#entry)) this.#entry = undefined
    this.#devices = new Map([...this.#devices].filter(([, signed]) => counts(signed)))
    this.#removals = new Map([...this.#removals].filter(([, signed]) => counts(signed)))
  }

  get #isFull(): boolean {
    return this.#devices.size + this.#removals.size + this.successions.length >= OWNER_STATEMENTS_MAX
  }
}

function isGreater(signed: SignedStatement, present: SignedStatement | undefined): boolean {
  return present === undefined || Buffer.compare(signed.bytes, present.bytes) > 0
}
