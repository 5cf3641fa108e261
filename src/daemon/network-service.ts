/**
 * The network as the daemon has it: who the members are, kept in the home's file `members`; and the worker that speaks
 * with them, which runs only once it is needed.
 *
 * The main thread's membership is the truth that is kept; the worker has a copy, and each tells the other what is new.
 */
import path from 'node:path'
import { Mutex } from '../concurrency/mutex.ts'
import { DfsError, describeError } from '../errors.ts'
import { encodeStatementSet } from '../format/membership.ts'
import { logger, warn } from '../log.ts'
import type { RemoteSource } from '../net/exchange/remote-source.ts'
import type { WirePersonalKey } from '../net/key-sync.ts'
import type { MembershipChange } from '../net/member.ts'
import type { Membership } from '../net/membership.ts'
import type { Network } from '../net/network.ts'
import type { NodeState } from '../net/network-calls.ts'
import { olderKeysOf } from '../net/older-keys.ts'
import { bufferOf } from '../net/pairing/pairing-calls.ts'
import type { PersonalKey } from '../seal/keys.ts'
import { ownerKeyOf } from '../seal/owner-keys.ts'
import { replaceFile } from '../store/small-file.ts'
import { found } from './founding.ts'
import type { KeptHeads } from './heads/kept-heads.ts'
import type { Home } from './home.ts'

const log = logger('net')

/** What takes the messages about holds in, once the home's parts are open. */
export interface HoldReceiver {
  receive(from: string, message: Buffer): Promise<void>
  memberUp(device: string, isUp: boolean): void
  membersLeft(devices: readonly string[]): Promise<void>
}

/** What takes the messages of own devices about folders in. */
export interface SyncReceiver {
  receive(from: string, message: Buffer): Promise<void>
  memberUp(device: string, isUp: boolean): void
}

export interface NetworkServiceOptions {
  home: Home
  membership: Membership
  network: Network
  source: RemoteSource
  keptHeads: KeptHeads
}

export class NetworkService {
  readonly membership: Membership
  /** Blocks of other devices; `unreachable` while the network does not run. */
  readonly source: RemoteSource
  readonly network: Network
  /** Of other devices. */
  readonly keptHeads: KeptHeads
  readonly #home: Home
  readonly #writing = new Mutex()
  #starting: Promise<NodeState> | undefined
  #catchingUp: Promise<void> | undefined
  readonly #advanceListeners = new Set<() => Promise<void>>()
  readonly #connected = new Set<string>()
  readonly #memberListeners = new Set<(deviceId: string) => void>()
  #holds: HoldReceiver | undefined
  #sync: SyncReceiver | undefined

  constructor({ home, membership, network, source, keptHeads }: NetworkServiceOptions) {
    this.#home = home
    this.membership = membership
    this.network = network
    this.source = source
    this.keptHeads = keptHeads
    membership.onChange((change) => this.#changed(change))
  }

  /** Whether the worker runs, and members are to be reached. */
  get isRunning(): boolean {
    return this.network.isRunning
  }

  /** Whether this device was removed, or its owner; it speaks with nobody then. */
  get isRemoved(): boolean {
    const { identity } = this.membership
    return this.membership.roleOf(this.#home.deviceId) === 'removed' || this.membership.isOwnerRemoved(identity.owner)
  }

  /** Whether this home has the personal key that its owner uses now, and so may speak for the owner. */
  get isCurrent(): boolean {
    const { identity } = this.membership
    return this.membership.ownerKey(identity.owner)?.key.equals(ownerKeyOf(this.#home.personalKey).publicKey) === true
  }

  /** Whether another device of the owner has moved on to a newer personal key. */
  get isBehind(): boolean {
    const { epoch = 0 } = this.membership.ownerKey(this.membership.identity.owner) ?? {}
    return !this.isRemoved && epoch > this.#home.epoch
  }

  /** Whether there is anybody to speak with. */
  get hasOthers(): boolean {
    return (
      this.membership.identity.kind === 'public' ||
      this.membership.members().some(({ deviceId }) => deviceId !== this.#home.deviceId)
    )
  }

  /** Whether the network is to run: it is not off, and there are members to speak with, or strangers may fetch from here. */
  get isUseful(): boolean {
    const { network, bitswap } = this.#home.config
    return network !== 'off' && !this.isRemoved && (this.hasOthers || bitswap === 'on')
  }

  /** Founds what this device can found by itself, and writes the file if it changed. */
  async found(): Promise<void> {
    if (!this.isRemoved) found(this.#home, this.membership)
    await this.saved()
  }

  /** Starts the worker, if it does not run. Fails with `not-permitted` if the network is off, `busy` if the port is taken. */
  start(): Promise<NodeState> {
    this.#starting ??= this.#start().catch((error) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  /** Resolves when the worker runs or is not about to: what it is asked for while it starts waits. */
  async settled(): Promise<void> {
    await this.#starting?.catch(() => undefined)
  }

  /** Starts the worker in the background, if it is to run. */
  startIfUseful(): void {
    if (!this.isUseful) return
    this.start().catch((error) => warn(`the network does not start: ${describeError(error)}`))
  }

  /** Takes statements in that this device made or was given; they are durable when this resolves. */
  async add(statements: readonly Buffer[]): Promise<MembershipChange> {
    const change = this.membership.merge(statements)
    await this.saved()
    return change
  }

  /** Moves this home on to a newer personal key; everything is sealed with it from now on when this resolves. */
  async advance(newest: PersonalKey, older: readonly PersonalKey[]): Promise<void> {
    await this.#home.advance(newest, older)
    for (const listener of this.#advanceListeners) await listener()
  }

  /** Members that are connected now. */
  get connected(): string[] {
    return [...this.#connected]
  }

  /** A member came or went. */
  memberChanged({ peerId, isUp }: { peerId: string; isUp: boolean }): void {
    if (isUp) this.#connected.add(peerId)
    else this.#connected.delete(peerId)
    this.#holds?.memberUp(peerId, isUp)
    this.#sync?.memberUp(peerId, isUp)
    if (!isUp) return
    for (const listener of this.#memberListeners) listener(peerId)
    this.catchUp()
  }

  /** Calls the listener with each member that is connected, and then with each that comes; gives what ends that. */
  onMember(listener: (deviceId: string) => void): () => void {
    this.#memberListeners.add(listener)
    for (const peerId of this.#connected) listener(peerId)
    return () => void this.#memberListeners.delete(listener)
  }

  /** Hands everything about holds to `receiver` from now on; gives what ends that. */
  serveHolds(receiver: HoldReceiver): () => void {
    this.#holds = receiver
    for (const peerId of this.#connected) receiver.memberUp(peerId, true)
    return () => (this.#holds = undefined)
  }

  /** Fails with `unreachable` while nobody takes such messages. */
  async takeHolds(peerId: string, message: Buffer): Promise<void> {
    if (this.#holds === undefined) throw new DfsError('unreachable', 'nothing is held here now', { op: 'hold' })
    await this.#holds.receive(peerId, message)
  }

  /** Hands everything about synced folders to `receiver` from now on; gives what ends that. */
  serveSync(receiver: SyncReceiver): () => void {
    this.#sync = receiver
    for (const peerId of this.#connected) receiver.memberUp(peerId, true)
    return () => (this.#sync = undefined)
  }

  /** Fails with `unreachable` while nobody takes such messages. */
  async takeSync(peerId: string, message: Buffer): Promise<void> {
    if (this.#sync === undefined) throw new DfsError('unreachable', 'no folder is kept the same now', { op: 'sync' })
    await this.#sync.receive(peerId, message)
  }

  /** Calls the listener when the home has moved on; gives what ends that. */
  onAdvance(listener: () => Promise<void>): () => void {
    this.#advanceListeners.add(listener)
    return () => void this.#advanceListeners.delete(listener)
  }

  /** The newest personal key, for a device of the same owner. Fails with `no-permission` for others. */
  keyFor(deviceId: string): WirePersonalKey {
    if (this.membership.roleOf(deviceId) !== 'own' || !this.isCurrent) {
      throw new DfsError('no-permission', 'is no device of this owner', { op: 'keys', subject: deviceId })
    }
    const { personalKey, epoch } = this.#home
    return { personalKey, epoch }
  }

  /** Gets the personal key that the owner uses now from another own device, if this home has an older one. */
  catchUp(): void {
    if (!this.isRunning || !this.isBehind || this.#catchingUp !== undefined) return
    this.#catchingUp = this.#catchUp()
      .catch((error) => warn(`the new personal key: ${describeError(error)}`))
      .finally(() => (this.#catchingUp = undefined))
  }

  async #catchUp(): Promise<void> {
    const key = await this.network.call('keys.ask', this.#home.epoch)
    if (key === undefined) return
    const newest = { personalKey: bufferOf(key.personalKey), epoch: key.epoch }
    await this.advance(newest, olderKeysOf(this.membership, newest))
    warn(`a device was removed: content is sealed with the personal key of epoch ${key.epoch} from now on`)
  }

  /** Resolves when the file holds what is known now. */
  saved(): Promise<void> {
    return this.#writing.run(() =>
      replaceFile(membersFile(this.#home.dir), encodeStatementSet(this.membership.statements())),
    )
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    await this.network.stop()
    await this.saved()
  }

  async #start(): Promise<NodeState> {
    if (this.#home.config.network === 'off') {
      throw new DfsError('not-permitted', 'the network is off', { mend: 'run "dfs config set network on"' })
    }
    return this.network.start()
  }

  #changed({ added, left }: MembershipChange): void {
    if (this.isRunning) void this.network.call('members.merge', [...added]).catch(() => undefined)
    void this.saved().catch((error) => warn(`the members are not saved: ${describeError(error)}`))
    log('%d new statements', added.length)
    this.catchUp()
    if (left.length > 0) {
      this.#holds?.membersLeft(left).catch((error) => warn(`holds of who left: ${describeError(error)}`))
    }
    if (left.length > 0 && this.isRemoved) {
      warn('this device was removed from its network: it reaches no other device any more, and no new content')
    }
  }
}

export function membersFile(home: string): string {
  return path.join(home, 'members')
}

/** Statements as they come from the worker. */
export function buffersOf(statements: readonly Uint8Array[]): Buffer[] {
  return statements.map(bufferOf)
}
