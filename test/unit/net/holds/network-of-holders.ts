/**
 * Devices that keep blocks for each other, in one process: real services with disks in memory and a network that
 * delivers at once. A device may be killed before any of its steps: what it had written stays, what it knew is gone.
 */
import { createHash } from 'node:crypto'
import { encodeBase32 } from '../../../../src/bytes/base32.ts'
import type { BlockName, BlockSource, BlockStore, Cid, Fetching } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import { cidOfDigest, digestOfCid } from '../../../../src/format/cid.ts'
import { deviceIdOf } from '../../../../src/format/device-id.ts'
import { decodeHoldEntry, encodeHoldEntry, type HeldStatus, type HoldEntry } from '../../../../src/format/hold-entry.ts'
import type { StorageChallenge } from '../../../../src/format/storage-proof.ts'
import type { BlockSize } from '../../../../src/net/holds/hold-service.ts'
import { Holds } from '../../../../src/net/holds/holds.ts'
import { type HoldLedger, keyOf } from '../../../../src/net/holds/ledger.ts'
import { digestOf } from '../../../../src/seal/hash.ts'
import { type SigningKey, signingKeyOfSeed } from '../../../../src/seal/signing.ts'
import { makeProof } from '../../../../src/seal/storage-proof.ts'
import { LentBytes } from '../../../../src/store/lent-bytes.ts'
import { Pins } from '../../../../src/store/pins.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const GIB = 1024 ** 3

export class HolderNetwork {
  readonly clock = new VirtualClock({ isPatient: true })
  readonly network = Buffer.alloc(32, 7)
  readonly devices = new Map<string, Holder>()
  readonly removedOwners = new Set<string>()
  /** After how many milliseconds a message is delivered, each time that it is. */
  delaysMs: (from: Holder, to: Holder, message: Buffer) => readonly number[] = () => [0]

  add(name: string, owner: string, more: Partial<Pick<Holder, 'offerBytes' | 'replicas'>> = {}): Holder {
    const holder = Object.assign(new Holder(this, name, owner), more)
    this.devices.set(holder.id, holder)
    return holder
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work)
  }

  /** Resolves once nothing more happens for so long. */
  sleep(ms: number): Promise<void> {
    return this.clock.sleep(ms)
  }
}

export class Holder {
  readonly name: string
  readonly id: string
  readonly key: SigningKey
  owner: string | undefined
  offerBytes = GIB
  replicas = 1
  nowMs = 0
  diskFreeBytes = 100 * GIB
  isAway = false
  /** Finds no blocks on other devices. */
  isCut = false
  /** Devices on whose word it deletes nothing. */
  readonly unproven = new Set<string>()
  /** How it answers a challenge, where it is a liar. */
  forge: ((challenge: StorageChallenge, block: Buffer | undefined) => Buffer | undefined) | undefined
  /** Awaited before each proof. */
  slowly: ((challenge: StorageChallenge) => Promise<void>) | undefined
  /** Bytes of blocks that others got of it, and it of others. */
  readonly traffic = { given: 0, taken: 0 }
  /** Awaited before blocks are durable. */
  syncing: (() => Promise<void>) | undefined
  readonly ledger = new MemoryLedger()
  readonly blocks = new Map<Cid, Buffer>()
  /** How many steps it does before it is killed, or the next one fails. */
  stepsLeft = Number.POSITIVE_INFINITY
  isKilledThen = true
  run: Run
  readonly net: HolderNetwork

  constructor(net: HolderNetwork, name: string, owner: string) {
    this.net = net
    this.name = name
    this.key = signingKeyOfSeed(createHash('sha256').update(name).digest())
    this.id = deviceIdOf(this.key.publicKey)
    this.owner = ownerOf(owner)
    this.run = new Run(this)
  }

  get holds(): Holds {
    return this.run.holds
  }

  /** A block of so many bytes, which differ by the seed; it is on this device. */
  block(seed: string | number, bytes = 1000): BlockSize {
    const content = Buffer.alloc(bytes, `${seed} `)
    const cid = cidOfDigest(digestOf(content))
    this.blocks.set(cid, content)
    return { cid, bytes }
  }

  /** What it has written stays, and it begins anew. */
  async restart(): Promise<void> {
    this.run.kill()
    this.stepsLeft = Number.POSITIVE_INFINITY
    this.run = new Run(this)
    await this.run.holds.start()
    for (const other of this.net.devices.values()) {
      if (other === this || other.isAway) continue
      other.holds.memberUp(this.id, true)
      this.holds.memberUp(other.id, true)
    }
  }

  /** Nonces of what it promised to another. */
  promisedTo(other: Holder, { cid }: BlockSize): string[] {
    const entry = this.ledger.get(cid)
    const own = entry?.promises.filter(({ requester }) => requester.equals(keyOf(other.id))) ?? []
    return own.map(({ nonce }) => nonce.toString('hex'))
  }

  statusesOf(other: Holder, { cid }: BlockSize): HeldStatus[] {
    const entry = this.ledger.get(cid)
    return entry?.holds.filter(({ holder }) => holder.equals(keyOf(other.id))).map(({ status }) => status) ?? []
  }
}

/** One run of a device; after `kill` nothing that it does has an effect. */
class Run {
  readonly holds: Holds
  readonly pins = new Pins()
  readonly source: BlockSource = { fetch: (ref) => this.#fetch(ref) }
  /** Blocks that were fetched for others, here or not. */
  fetched = 0
  /** Proofs that were made. */
  proven = 0
  readonly #holder: Holder
  readonly #died = Promise.withResolvers<undefined>()
  #isDead = false

  constructor(holder: Holder) {
    this.#holder = holder
    const { net } = holder
    this.holds = new Holds({
      self: holder.id,
      key: holder.key,
      network: net.network,
      owner: holder.owner!,
      members: {
        ownerOf: (id) => net.devices.get(id)?.owner,
        isOwnerRemoved: (owner) => net.removedOwners.has(owner),
      },
      ledger: this.#ledger(),
      store: this.#store(),
      source: this.source,
      prove: async (challenge) => {
        await holder.slowly?.(challenge)
        return this.#prove(challenge)
      },
      transport: async (to, message) => this.#deliver(to, message),
      disk: async () => ({ freeBytes: holder.diskFreeBytes, totalBytes: 200 * GIB }),
      nowMs: () => holder.nowMs,
      clock: { now: () => net.clock.now(), after: (ms, work) => net.clock.after(ms, () => this.#isDead || work()) },
      replicas: () => holder.replicas,
      offerBytes: () => holder.offerBytes,
    })
    this.holds.trustBy({ isProven: (device) => !holder.unproven.has(device), freshen: async () => undefined })
  }

  kill(): void {
    this.#isDead = true
    this.#died.resolve(undefined)
  }

  /** What comes of work of this run; undefined if it is killed before. */
  outcomeOf<T>(work: Promise<T>): Promise<T | undefined> {
    return Promise.race([work.catch(() => undefined), this.#died.promise])
  }

  /** Before each effect: throws if the device was killed, or is now. */
  #step(): void {
    if (this.#isDead) throw new DfsError('io', 'was killed')
    if (this.#holder.stepsLeft-- > 0) return
    if (this.#holder.isKilledThen) this.kill()
    else this.#holder.stepsLeft = Number.POSITIVE_INFINITY
    throw new DfsError('io', 'injected')
  }

  #ledger(): HoldLedger {
    const { ledger } = this.#holder
    const write = async (changes: ReadonlyMap<Cid, HoldEntry | undefined>) => {
      this.#step()
      await Promise.resolve()
      ledger.take(changes)
      if (this.#holder.isKilledThen) this.#step()
    }
    return {
      get: (cid) => ledger.get(cid),
      write,
      evicting: () => ledger.evicting(),
      promised: () => ledger.promised(),
      borrowed: () => ledger.borrowed(),
      shardsOf: (block) => ledger.shardsOf(block),
      heldBy: (holder, status) => ledger.heldBy(holder, status),
      heldFrom: (...asked) => ledger.heldFrom(...asked),
      holders: () => ledger.holders(),
      get lentTo() {
        return ledger.lentTo
      },
      get lentBytes() {
        return ledger.lentBytes
      },
    }
  }

  #store(): BlockStore & { delete(cid: Cid): boolean } {
    const { blocks } = this.#holder
    const { pins } = this
    const unused = () => {
      throw new DfsError('unsupported', 'not in this test')
    }
    return {
      has: (cid) => blocks.has(cid),
      open: (cid) => {
        const block = blocks.get(cid)
        if (block === undefined) return undefined
        const read = (at: number, length: number) => block.subarray(at, at + length)
        return { bytes: block.length, fd: undefined, read, close: () => {} }
      },
      put: async ({ cid }, bytes) => {
        this.#step()
        pins.pin(cid)
        blocks.set(cid, Buffer.from(bytes))
      },
      temporary: () => undefined,
      adopt: unused,
      pin: (cid) => pins.pin(cid),
      unpin: (cid) => pins.unpin(cid),
      isSwept: false,
      distrust: () => undefined,
      sync: async () => {
        this.#step()
        await this.#holder.syncing?.()
      },
      delete: (cid) => {
        this.#step()
        return !pins.isPinned(cid) && blocks.delete(cid)
      },
    }
  }

  #prove(challenge: StorageChallenge): Buffer {
    this.proven++
    const { blocks, forge } = this.#holder
    const block = blocks.get(challenge.cid)
    const forged = forge?.(challenge, block)
    if (forged !== undefined) return forged
    if (block === undefined) throw new DfsError('not-found', 'is not here', { subject: challenge.cid })
    return makeProof(challenge, block)
  }

  #fetch({ cid }: BlockName): Fetching {
    this.fetched++
    const { net, isCut } = this.#holder
    const others = [...net.devices.values()].filter((one) => one !== this.#holder && !one.isAway && !isCut)
    const giver = others.find(({ blocks }) => blocks.has(cid))
    const found = giver?.blocks.get(cid)
    if (giver !== undefined) giver.traffic.given += found!.length
    this.#holder.traffic.taken += found?.length ?? 0
    const block =
      found === undefined
        ? Promise.reject(new DfsError('unreachable', 'nobody has it'))
        : Promise.resolve(Buffer.from(found))
    block.catch(() => {})
    return { block, prefer: () => {}, release: () => {} }
  }

  #deliver(id: string, message: Buffer): void {
    this.#step()
    const from = this.#holder
    const to = from.net.devices.get(id)
    if (to === undefined || to.isAway || from.isAway) throw new DfsError('unreachable', 'is away')
    const bytes = Buffer.from(message)
    const receive = () => void to.holds.receive(from.id, bytes).catch(() => {})
    for (const ms of from.net.delaysMs(from, to, message)) {
      if (ms === 0) queueMicrotask(receive)
      else from.net.clock.after(ms, receive)
    }
  }
}

class MemoryLedger implements HoldLedger {
  readonly #entries = new Map<Cid, Buffer>()
  readonly #lent = new LentBytes()

  get(cid: Cid): HoldEntry | undefined {
    const bytes = this.#entries.get(cid)
    return bytes && decodeHoldEntry(bytes)
  }

  async write(changes: ReadonlyMap<Cid, HoldEntry | undefined>): Promise<void> {
    this.take(changes)
  }

  take(changes: ReadonlyMap<Cid, HoldEntry | undefined>): void {
    for (const [cid, entry] of changes) {
      this.#lent.change(this.get(cid), entry)
      if (entry === undefined) this.#entries.delete(cid)
      else this.#entries.set(cid, encodeHoldEntry(entry))
    }
  }

  get lentTo(): ReadonlyMap<string, number> {
    return this.#lent.byOwner
  }

  get lentBytes(): number {
    return this.#lent.total
  }

  evicting(): AsyncIterable<Cid> {
    return this.#those(({ evicting }) => evicting)
  }

  promised(): AsyncIterable<Cid> {
    return this.#those(({ promises }) => promises.length > 0)
  }

  borrowed(): AsyncIterable<Cid> {
    return this.#those(({ holds }) => holds.length > 0)
  }

  shardsOf(block: Cid): AsyncIterable<Cid> {
    return this.#those(({ shard }) => shard?.block.equals(digestOfCid(block)) === true)
  }

  heldBy(holder: Buffer, status: HeldStatus): AsyncIterable<Cid> {
    return this.#those(({ holds }) => holds.some((hold) => hold.holder.equals(holder) && hold.status === status))
  }

  async heldFrom(holder: Buffer, digest: Buffer, limit: number): Promise<Cid[]> {
    const digests: Buffer[] = []
    for await (const cid of this.heldBy(holder, 'held')) digests.push(digestOfCid(cid))
    digests.sort(Buffer.compare)
    const at = digests.findIndex((one) => Buffer.compare(one, digest) >= 0)
    const around = at === -1 ? digests : [...digests.slice(at), ...digests.slice(0, at)]
    return around.slice(0, limit).map(cidOfDigest)
  }

  async holders(): Promise<Buffer[]> {
    const keys = [...this.#entries.values()].flatMap((bytes) =>
      decodeHoldEntry(bytes).holds.map(({ holder }) => holder),
    )
    return [...new Set(keys.map((key) => key.toString('hex')))].map((hex) => Buffer.from(hex, 'hex'))
  }

  async *#those(isOne: (entry: HoldEntry) => boolean): AsyncGenerator<Cid> {
    for (const [cid, bytes] of [...this.#entries]) if (isOne(decodeHoldEntry(bytes))) yield cid
  }
}

export function ownerOf(name: string): string {
  return encodeBase32(createHash('sha256').update(`owner ${name}`).digest())
}
