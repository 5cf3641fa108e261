/**
 * Who belongs to the network: a set of signed statements, and what follows from them. The same set gives the same
 * members on every device, in whatever order its statements came.
 *
 * The network's key takes owners in, an owner's key takes devices in. A removal wins over every addition, whenever it
 * was made, and what was removed never returns. Statements signed by a key that was replaced count no more: whoever
 * replaces a key signs anew what is to stay. In the public network everybody is an owner, and owners are known only
 * by what their devices show; of strangers a bounded number is remembered.
 *
 * It touches no disk: `statements` is what to keep, `onChange` says when.
 */
import { encodeBase32 } from '../bytes/base32.ts'
import { deviceIdOf } from '../format/device-id.ts'
import { encodeStatementSet, STATEMENTS_MAX, type Statement, type SucceedOwnerStatement } from '../format/membership.ts'
import { digestOf } from '../seal/hash.ts'
import { KeyLine } from './key-line.ts'
import type { CountingStatements, Member, MembershipChange, NetworkIdentity, Role } from './member.ts'
import { type Of, OwnerRecord } from './owner-record.ts'
import { isSigned, readIfStatement, type SignedStatement } from './signed-statement.ts'

/** No key. */
const NOBODY = Buffer.alloc(0)

/** Whoever vouches comes before what is vouched for. */
const ORDER: readonly Statement['kind'][] = [
  'succeed-network',
  'remove-owner',
  'owner',
  'succeed-owner',
  'remove-device',
  'device',
]

export class Membership {
  readonly identity: NetworkIdentity
  readonly #listeners = new Set<(change: MembershipChange) => void>()
  readonly #line: KeyLine
  readonly #successions: SignedStatement[] = []
  #removedOwners = new Map<string, Of<'remove-owner'>>()
  /** By first key in hex, in the order in which they came. */
  readonly #owners = new Map<string, OwnerRecord>()
  #members = new Map<string, Member>()
  #removed = new Set<string>()

  constructor(identity: NetworkIdentity, statements: readonly Buffer[] = []) {
    this.identity = identity
    this.#line = new KeyLine(identity.network)
    this.merge(statements)
  }

  /** The key that signs for the network now. */
  get networkKey(): Buffer {
    return this.#line.current
  }

  /** How often the network's key was replaced. */
  get networkEpoch(): number {
    return this.#line.epoch
  }

  isMember(deviceId: string): boolean {
    return this.#members.has(deviceId)
  }

  /** Whether a device may speak here: members, and in the public network whoever was not removed. */
  admits(deviceId: string): boolean {
    return this.isMember(deviceId) || (this.#isPublic && !this.#removed.has(deviceId))
  }

  /** Base32 of the first key of a member's owner. */
  ownerOf(deviceId: string): string | undefined {
    return this.#members.get(deviceId)?.ownerId
  }

  roleOf(deviceId: string): Role {
    const member = this.#members.get(deviceId)
    if (member !== undefined) return member.ownerId === encodeBase32(this.identity.owner) ? 'own' : 'other'
    return this.#removed.has(deviceId) ? 'removed' : 'stranger'
  }

  /** All of them, this device among them, in the order in which their owners and then they came. */
  members(): Member[] {
    return [...this.#members.values()]
  }

  /** The key that signs for an owner now, and how often it was replaced; undefined if the owner is not known. */
  ownerKey(owner: Buffer): { key: Buffer; epoch: number } | undefined {
    const line = this.#owners.get(hex(owner))?.line
    return line && { key: line.current, epoch: line.epoch }
  }

  isOwnerRemoved(owner: Buffer): boolean {
    return this.#removedOwners.has(hex(owner))
  }

  /** How an owner's keys followed each other, from the first on. */
  ownerSuccessions(owner: Buffer): SucceedOwnerStatement[] {
    return (this.#owners.get(hex(owner))?.successions ?? []).map(({ statement }) => statement)
  }

  counting(): CountingStatements {
    const owners = [...this.#owners.values()]
    return {
      owners: owners.flatMap(({ entry }) => entry?.statement ?? []),
      devices: owners.flatMap(({ devices }) => devices.map(({ statement }) => statement)),
      removals: [...this.#removedOwners.values(), ...owners.flatMap(({ removals }) => removals)].map(
        ({ statement }) => statement,
      ),
    }
  }

  /** What to keep and to tell other members, in one order everywhere; in the public network, only of one's own owner. */
  statements(): Buffer[] {
    const own = this.#owners.get(hex(this.identity.owner))
    const owners = this.#isPublic ? [own] : this.#owners.values()
    const signed = [...owners].flatMap((owner) => owner?.statements ?? [])
    return [...this.#successions, ...this.#removedOwners.values(), ...signed]
      .map(({ bytes }) => bytes)
      .sort(Buffer.compare)
  }

  /** 32 bytes: equal on devices that know the same. */
  digest(): Buffer {
    return digestOf(encodeStatementSet(this.statements()))
  }

  /** What shows that a device is a member, to somebody who knows the network alone. Empty if it is none. */
  credentialOf(deviceId: string): Buffer[] {
    for (const { entry, successions, devices } of this.#owners.values()) {
      const device = devices.find(({ statement }) => deviceIdOf(statement.device) === deviceId)
      if (device === undefined) continue
      return [...this.#successions, ...(entry === undefined ? [] : [entry]), ...successions, device].map(
        ({ bytes }) => bytes,
      )
    }
    return []
  }

  /** What tells a device that it, or its owner (as its `credential` says), was removed. */
  removalOf(deviceId: string, credential: readonly Buffer[]): Buffer[] {
    const claimed = credential
      .flatMap(readIfStatement)
      .map(({ statement }) => ('owner' in statement ? hex(statement.owner) : ''))
    const owners = [...new Set(claimed)].flatMap((key) => this.#removedOwners.get(key) ?? [])
    const devices = [...this.#owners.values()].flatMap((owner) => {
      const removal = removalIn(owner, deviceId)
      if (removal === undefined) return []
      return [...(owner.entry === undefined ? [] : [owner.entry]), ...owner.successions, removal]
    })
    return [...this.#successions, ...owners, ...devices].map(({ bytes }) => bytes)
  }

  /**
   * Takes in what holds and counts; everything else is passed over, whatever bytes it is. Tells the listeners before
   * it returns. Gives what was new.
   */
  merge(statements: Iterable<Buffer>): MembershipChange {
    const before = this.#members
    const known = new Set(this.#all().map(({ bytes }) => bytes.toString('latin1')))
    const fresh = [...statements].filter((bytes) => !known.has(bytes.toString('latin1')))
    const added = this.#takeAll(fresh.flatMap(readIfStatement))
    if (added.length === 0) return { joined: [], left: [], added }
    this.#forgetOwners()
    this.#members = this.#listMembers()
    this.#removed = this.#listRemoved()
    const change = {
      joined: [...this.#members.keys()].filter((id) => !before.has(id)),
      left: [...before.keys()].filter((id) => !this.#members.has(id)),
      added,
    }
    for (const listener of [...this.#listeners]) listener(change)
    return change
  }

  /** Calls the listener after every merge that brought something; gives what ends that. */
  onChange(listener: (change: MembershipChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** In an order in which each may lean on those before it. */
  #takeAll(signed: SignedStatement[]): Buffer[] {
    const epochOf = ({ statement }: SignedStatement) => ('epoch' in statement ? statement.epoch : 0)
    signed.sort(
      (a, b) =>
        ORDER.indexOf(a.statement.kind) - ORDER.indexOf(b.statement.kind) ||
        epochOf(a) - epochOf(b) ||
        Buffer.compare(a.bytes, b.bytes),
    )
    let room = this.#isPublic ? Number.POSITIVE_INFINITY : STATEMENTS_MAX - this.#all().length
    const taken: Buffer[] = []
    for (const one of signed) {
      if (room <= 0 || !this.#take(one)) continue
      taken.push(one.bytes)
      room--
    }
    return taken
  }

  /** Whether the statement counts and was not known. */
  #take(signed: SignedStatement): boolean {
    const { statement } = signed
    if (!statement.network.equals(this.identity.network)) return false
    // Signatures last: they cost the most, and only those who have a say may cause that.
    if (!this.#hasSay(statement) || !isSigned(signed)) return false
    switch (statement.kind) {
      case 'succeed-network':
        return this.#succeedNetwork(signed as Of<'succeed-network'>)
      case 'remove-owner':
        return this.#removeOwner(signed as Of<'remove-owner'>)
      case 'owner':
        return this.#recordOf(statement.owner)?.enter(signed as Of<'owner'>) ?? false
      case 'succeed-owner':
        return this.#recordOf(statement.owner)?.succeed(signed as Of<'succeed-owner'>) ?? false
      case 'remove-device':
        return this.#recordOf(statement.owner)?.removeDevice(signed as Of<'remove-device'>) ?? false
      case 'device':
        return this.#recordOf(statement.owner)?.addDevice(signed as Of<'device'>) ?? false
    }
  }

  /** Whether the signer's word counts in this matter. */
  #hasSay(statement: Statement): boolean {
    const { kind, signer } = statement
    const ofNetwork = !this.#isPublic && signer.equals(this.networkKey)
    if (kind === 'succeed-network' || kind === 'owner' || kind === 'remove-owner') return ofNetwork
    const line = this.#owners.get(hex(statement.owner))?.line
    const ofOwner = signer.equals(line?.current ?? (this.#isPublic ? statement.owner : NOBODY))
    return ofOwner || (kind === 'remove-device' && line !== undefined && ofNetwork)
  }

  #succeedNetwork(signed: Of<'succeed-network'>): boolean {
    if (!this.#line.advance(signed.statement)) return false
    this.#successions.push(signed)
    this.#removedOwners = new Map(
      [...this.#removedOwners].filter(([, { statement }]) => !this.#line.isReplaced(statement.signer)),
    )
    for (const owner of this.#owners.values()) owner.dropReplaced(this.#line)
    return true
  }

  #removeOwner(signed: Of<'remove-owner'>): boolean {
    const key = hex(signed.statement.owner)
    if (this.#removedOwners.has(key)) return false
    this.#removedOwners.set(key, signed)
    this.#owners.delete(key)
    return true
  }

  /** The record of an owner who was not removed, made if this is the first that is heard of them. */
  #recordOf(owner: Buffer): OwnerRecord | undefined {
    const key = hex(owner)
    if (this.#removedOwners.has(key)) return undefined
    const record = this.#owners.get(key) ?? new OwnerRecord(owner)
    this.#owners.set(key, record)
    return record
  }

  get #isPublic(): boolean {
    return this.identity.kind === 'public'
  }

  /**
   * Owners whom the network's new key did not take over go with the old one. Of the public network one may meet
   * everybody: those met longest ago are forgotten.
   */
  #forgetOwners(): void {
    let count = this.#all().length
    for (const [key, owner] of this.#owners) {
      const isTooMany = count > STATEMENTS_MAX && key !== hex(this.identity.owner)
      if (this.#isPublic ? !isTooMany : owner.entry !== undefined) continue
      count -= owner.statements.length
      this.#owners.delete(key)
    }
  }

  #all(): SignedStatement[] {
    const owners = [...this.#owners.values()]
    return [...this.#successions, ...this.#removedOwners.values(), ...owners.flatMap(({ statements }) => statements)]
  }

  #listRemoved(): Set<string> {
    const removals = [...this.#owners.values()].flatMap((owner) => owner.removals)
    return new Set(removals.map(({ statement }) => deviceIdOf(statement.device)).filter((id) => !this.#members.has(id)))
  }

  #listMembers(): Map<string, Member> {
    const members = new Map<string, Member>()
    for (const { entry, devices } of this.#owners.values()) {
      for (const { statement } of devices) {
        const deviceId = deviceIdOf(statement.device)
        const [ownerId, ownerName] = [encodeBase32(statement.owner), entry?.statement.name]
        // A device that agreed to two owners belongs to the same one everywhere.
        const other = members.get(deviceId)
        if (other !== undefined && other.ownerId < ownerId) continue
        members.set(deviceId, { deviceId, ownerId, name: statement.name, ownerName })
      }
    }
    return members
  }
}

function removalIn(owner: OwnerRecord, deviceId: string): SignedStatement | undefined {
  return owner.removals.find(({ statement }) => deviceIdOf(statement.device) === deviceId)
}

function hex(key: Buffer): string {
  return key.toString('hex')
}
