/**
 * The holds of this device: joins the machine's driver with the ledger, the store and the network, and answers what the
 * daemon asks (`hold-service.ts`).
 *
 * Invariant: a message counts only once it is known who says it, and in which run; every open question that asks that
 * device hears of the run before anything else comes of the message.
 */
import type { Cid, ReferenceSource } from '../../dfs.ts'
import { describeError } from '../../errors.ts'
import {
  decodeHoldsMessage,
  encodeHoldsMessage,
  type HoldsMessage,
  type HoldsMessageBody,
} from '../../format/hold-message.ts'
import { logger, warn } from '../../log.ts'
import { Asks } from './asks.ts'
import { Audits } from './audits.ts'
import { HoldDriver, type Outcome, type Outgoing } from './driver.ts'
import type { AskOutcome, BlockSize, EvictOutcome, HolderTrust, HoldService, Offer } from './hold-service.ts'
import type { HoldsOptions } from './holds-options.ts'
import { leavingIn, letLeave } from './leaving.ts'
import { deviceOf, keyOf } from './ledger.ts'
import { Lender, type Speaker } from './lender.ts'
import { HOLD_TERM_MS } from './lending.ts'
import { type Incoming, type Party, pack, unpack } from './messages.ts'
import { newIncarnation } from './nonce.ts'
import { Offers } from './offers.ts'
import { Prover } from './prover.ts'
import { Questions } from './questions.ts'
import { Releases } from './releases.ts'
import { lentByOwner, Room } from './room.ts'
import { evictByShards } from './shard-evicting.ts'
import { ShardHolds } from './shard-holds.ts'
import type { DeviceId, OwnerId } from './state.ts'

const log = logger('holds')
/** How often it is looked whether more is held than is offered. */
const TIDY_MS = 600_000
const NOBODY: HolderTrust = { isProven: () => false, freshen: async () => undefined }

export class Holds implements HoldService {
  readonly promises: ReferenceSource
  readonly audits: Audits
  readonly shards: ShardHolds
  readonly #options: HoldsOptions
  readonly #party: Party
  readonly #incarnation = newIncarnation()
  readonly #driver: HoldDriver
  readonly #asks: Asks
  readonly #questions: Questions
  readonly #releases: Releases
  readonly #room: Room
  readonly #lender: Lender
  readonly #offers: Offers
  readonly #prover: Prover
  #trust = NOBODY
  readonly #lostListeners = new Set<(holder: DeviceId, cids: readonly Cid[]) => void>()
  #callOffTidying = () => {}

  constructor(options: HoldsOptions) {
    const { self, key, network, owner, members, ledger, store, source, clock, quietMs } = options
    this.#options = options
    this.#party = { self, key, network, owner, termMs: () => HOLD_TERM_MS, ownerOf: (one) => members.ownerOf(one) }
    const send = (messages: readonly Outgoing[]) => this.#send(messages)
    const onError = (error: unknown) => warn(`holds: ${describeError(error)}`)
    const driver = new HoldDriver({
      ledger,
      send,
      view: () => ({
        self,
        replicas: options.replicas(),
        nowMs: options.nowMs(),
        termMs: HOLD_TERM_MS,
        ownerOf: (device) => members.ownerOf(device),
        isProven: (device) => this.#trust.isProven(device),
        isOwnerRemoved: (one) => members.isOwnerRemoved(one),
      }),
      hasBlock: (cid) => store.has(cid) && !this.shards.exposed.has(cid),
      deleteBlock: (cid) => store.delete(cid) || !store.has(cid),
    })
    this.#driver = driver
    this.#asks = new Asks({ driver, clock, send, quietMs })
    this.#questions = new Questions({ driver, clock, send, quietMs, freshen: (...all) => this.#trust.freshen(...all) })
    this.#releases = new Releases({ driver, ledger, clock, onError })
    this.#room = new Room({ ledger, offerBytes: options.offerBytes, disk: options.disk })
    this.#lender = new Lender({
      driver,
      ledger,
      store,
      source,
      clock,
      send,
      onError,
      room: this.#room,
      party: this.#party,
    })
    const say = (to: DeviceId, body: HoldsMessageBody) => this.#say(to, body)
    const ownerOf = (device: DeviceId) => members.ownerOf(device)
    this.shards = new ShardHolds({ driver, ledger, store, clock, ownerOf, say })
    this.#offers = new Offers({ clock, ask: (holder) => say(holder, { kind: 'offer-query' }) })
    this.#prover = new Prover({ ...options, ownerOf, say })
    this.audits = new Audits({ driver, ledger, clock, say, onLost: (...lost) => this.#takeLost(...lost), quietMs })
    this.promises = { name: 'what was promised to other devices', references: () => ledger.promised() }
  }

  /** Ends what the run before left in the midst, and tells of holders that are no members any more. Never fails. */
  async start(): Promise<void> {
    const { ledger, members } = this.#options
    this.#tidyLater()
    try {
      const left: Cid[] = []
      for await (const cid of ledger.evicting()) left.push(cid)
      await this.#driver.command(left, { kind: 'restart' })
      const holders = (await ledger.holders()).map(deviceOf)
      await this.membersLeft(holders.filter((holder) => members.ownerOf(holder) === undefined))
    } catch (error) {
      warn(`holds: ${describeError(error)}`)
    }
  }

  async stop(): Promise<void> {
    this.#callOffTidying()
    this.#releases.stop()
    await Promise.all([this.#lender.stop(), this.#prover.stop()])
  }

  trustBy(trust: HolderTrust): void {
    this.#trust = trust
  }

  async ask(
    holder: DeviceId,
    blocks: readonly BlockSize[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Cid, AskOutcome>> {
    const outcomes = await this.#asks.ask(holder, blocks, signal)
    const held = [...outcomes].filter(([, outcome]) => outcome === 'held').map(([cid]) => cid)
    await this.#letLeave(held, signal)
    return outcomes
  }

  async holdersOf(cids: readonly Cid[]): Promise<readonly (readonly DeviceId[])[]> {
    const { members } = this.#options
    return cids.map((cid) => {
      const bound = this.#driver.stateOf(cid).record.holds.filter(({ status }) => status === 'held')
      const holders = bound.map(({ holder }) => holder).filter((holder) => members.ownerOf(holder) !== undefined)
      return [...new Set(holders)]
    })
  }

  async evict(cids: readonly Cid[], signal?: AbortSignal): Promise<ReadonlyMap<Cid, EvictOutcome>> {
    const parts = { driver: this.#driver, questions: this.#questions, shards: this.shards }
    const byShards = await evictByShards(cids, parts, signal)
    const others = cids.filter((cid) => !byShards.has(cid))
    return new Map([...byShards, ...(await this.#questions.run(others, { signal }))])
  }

  release(cids: readonly Cid[]): Promise<void> {
    return this.#releases.release(cids)
  }

  offerOf(holder: DeviceId, signal?: AbortSignal): Promise<Offer | undefined> {
    return this.#offers.of(holder, signal)
  }

  onHolderLost(listener: (holder: DeviceId, cids: readonly Cid[]) => void): () => void {
    this.#lostListeners.add(listener)
    return () => void this.#lostListeners.delete(listener)
  }

  borrowed(): AsyncIterable<Cid> {
    return this.#options.ledger.borrowed()
  }

  async lent(): Promise<ReadonlyMap<OwnerId, number>> {
    return lentByOwner(this.#options.ledger)
  }

  /** A member is connected, or is no more. */
  memberUp(device: DeviceId, isUp: boolean): void {
    this.shards.queries.memberUp(device, isUp)
    if (!isUp) {
      this.#releases.unreachable(device)
      return
    }
    this.#releases.reachable(device)
    this.#asks.repeat(device)
    this.#questions.repeat(device)
  }

  /** These are no members any more: nothing is owed to them, and what they hold counts no more. */
  async membersLeft(devices: readonly DeviceId[]): Promise<void> {
    for (const device of devices) {
      await this.#releases.repeatTo(device)
      for (const status of ['held', 'leaving'] as const) {
        const cids: Cid[] = []
        for await (const cid of this.#options.ledger.heldBy(keyOf(device), status)) cids.push(cid)
        this.#tellLost(device, cids)
      }
    }
  }

  /** Takes a message of an authenticated device in. Fails with `corrupt`, `newer-version` where it is none. */
  async receive(from: DeviceId, bytes: Buffer): Promise<void> {
    const message = decodeHoldsMessage(bytes)
    const incoming = unpack(from, message, this.#party)
    const incarnation = message.incarnation.toString('hex')
    const hearing = this.#driver.apply(this.#questions.inputsOnHearing(from, incarnation))
    await this.#take({ from, incarnation }, message, incoming)
    await hearing
  }

  async #take(speaker: Speaker, message: HoldsMessage, incoming: readonly Incoming[]): Promise<void> {
    const { from } = speaker
    switch (message.kind) {
      case 'offer-query':
        return this.#say(from, { kind: 'offer', freeBytes: await this.#freeBytes(), termMs: HOLD_TERM_MS })
      case 'offer':
        return this.#offers.heard(from, message)
      case 'shards-query':
        return this.shards.queries.answer(from, message)
      case 'shards':
        return this.shards.queries.heard(from, message)
      case 'request':
        return this.#lender.request(speaker, message.nonce.toString('hex'), incoming)
      case 'challenge':
        return this.#prover.take(from, message.nonce, message.challenges)
      case 'proof':
        return this.audits.heard(from, message.nonce.toString('hex'), message.answers)
      default:
        return this.#takeAll(speaker, message, incoming)
    }
  }

  /** Nothing is free where it cannot be remembered what it is for. */
  async #freeBytes(): Promise<number> {
    try {
      await this.#room.look()
      return this.#room.freeBytes
    } catch (error) {
      log('nothing is offered: %s', describeError(error))
      return 0
    }
  }

  async #takeAll(speaker: Speaker, { kind }: HoldsMessage, incoming: readonly Incoming[]): Promise<void> {
    const inputs = incoming.map(({ cid, bytes, message }) => {
      return { cid, bytes, shard: this.#asks.shardOf(cid), input: { kind: 'message', ...speaker, message } as const }
    })
    for (const { cid, message } of incoming) {
      if (message.kind === 'release') this.#lender.callOff(speaker.from, message.hold, cid)
    }
    const outcomes = await this.#driver.apply(inputs)
    const cids = incoming.map(({ cid }) => cid)
    if (kind === 'hold' || kind === 'refusal') await this.#heardAnswer(speaker.from, incoming, outcomes)
    else if (kind === 'release') await this.#lender.released(cids, outcomes)
    else if (kind === 'leave') this.#takeLost(speaker.from, leavingIn(speaker.from, cids, outcomes))
  }

  async #heardAnswer(from: DeviceId, incoming: readonly Incoming[], outcomes: readonly Outcome[]): Promise<void> {
    const first = incoming[0]!.message
    if (!('nonce' in first)) return
    this.#asks.heard(
      from,
      first.nonce,
      incoming.map(({ cid, message }, at) => {
        const outcome = outcomes[at]!
        return message.kind === 'refusal' ? { cid, outcome, refusal: message.reason } : { cid, outcome }
      }),
    )
    await this.#questions.heard(
      first.nonce,
      incoming.map(({ cid }) => cid),
    )
  }

  /** Holds that count no more, though the holder is bound still: it is let go where enough others are. */
  #takeLost(holder: DeviceId, cids: readonly Cid[]): void {
    this.#letLeave(cids).catch((error) => log('%s is not let go: %s', holder, describeError(error)))
    this.#tellLost(holder, cids)
  }

  #letLeave(cids: readonly Cid[], signal?: AbortSignal): Promise<void> {
    return letLeave(cids, { driver: this.#driver, questions: this.#questions, signal })
  }

  #tellLost(holder: DeviceId, cids: readonly Cid[]): void {
    if (cids.length > 0) for (const listener of [...this.#lostListeners]) listener(holder, cids)
  }

  #send(outgoing: readonly Outgoing[]): void {
    const sayable = outgoing.filter(
      ({ to, message }) => message.kind !== 'hold' || this.#party.ownerOf(to) !== undefined,
    )
    for (const { to, body } of pack(sayable, this.#party)) this.#say(to, body)
  }

  /** Never fails: what is not heard is said again, or not waited for. */
  #say(to: DeviceId, body: HoldsMessageBody): void {
    const message = encodeHoldsMessage({ ...body, incarnation: Buffer.from(this.#incarnation, 'hex') })
    this.#options.transport(to, message).catch((error) => {
      log('%s to %s: %s', body.kind, to, describeError(error))
      if (body.kind === 'request') this.#asks.unreachable(to)
      if (body.kind === 'offer-query') this.#offers.unreachable(to)
      if (body.kind === 'shards-query') this.shards.queries.unreachable(to)
      if (body.kind === 'challenge') this.audits.unreachable(to)
    })
  }

  #tidyLater(): void {
    this.#callOffTidying = this.#options.clock.after(TIDY_MS, () => {
      this.#lender
        .keepWithin()
        .catch((error) => warn(`holds: ${describeError(error)}`))
        .finally(() => this.#tidyLater())
    })
  }
}
