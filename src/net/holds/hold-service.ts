/**
 * What the rest of the daemon may ask of the holds: keeping blocks on other devices, knowing who keeps them, and
 * deleting this device's copies where the rule of `machine.ts` allows it. One for each home, on the main thread.
 */
import type { Cid, ReferenceSource } from '../../dfs.ts'
import type { RefusalReason } from '../../format/hold-message.ts'
import type { KeptShard, ShardOf } from '../../format/kept-shards.ts'
import type { DeviceId, OwnerId } from './state.ts'
import type { CommandRefusal } from './transition.ts'

export interface BlockSize {
  readonly cid: Cid
  /** Length of the block, as stored and sent. */
  readonly bytes: number
  /** Where it is a shard. */
  readonly shard?: ShardOf | undefined
}

/** A shard of a block, as far as the ledger knows it. */
export interface HeldShard extends ShardOf {
  readonly cid: Cid
  /** Length of the shard, as stored and sent. */
  readonly bytes: number
  /** Who is bound to hold it: see `holdersOf`. */
  readonly holders: readonly DeviceId[]
  /** Who holds it and asked to be let go. */
  readonly leaving: readonly DeviceId[]
}

/** A shard as it is stored and sent. */
export interface ShardBytes {
  readonly cid: Cid
  readonly bytes: Buffer
}

/** `unreachable`: no answer in time after the last sign of progress. */
export type AskOutcome = 'held' | RefusalReason | 'unreachable'

/** `in-use`: pinned, by a write under way for example. */
export type EvictOutcome = 'evicted' | CommandRefusal | 'unreachable' | 'in-use'

export interface Offer {
  /** What the holder would still hold for this device. */
  readonly freeBytes: number
  /** How long a hold lasts from its last confirmation on, in the holder's running time. */
  readonly termMs: number
}

/** `failed`: a wrong proof, or none though the device is there. `unreachable`: no answer in time, or it cannot tell now. */
export type AuditOutcome = 'good' | 'failed' | 'unreachable'

/** Some of what a device is bound to hold. */
export interface HeldSample {
  /** Drawn at random, none twice. */
  readonly cids: readonly Cid[]
  /** How many it holds in all, and their bytes; about, where it is more than a hundred. */
  readonly blocks: number
  readonly bytes: number
}

/** Asking others to show that they have what they promised. */
export interface HolderAudits {
  /** All devices with holds, members or not. */
  holders(): Promise<readonly DeviceId[]>
  /** Blocks that the device is bound to hold, and did not ask to be let go of. */
  heldBy(holder: DeviceId): AsyncIterable<Cid>
  /** Draws up to so many of these blocks; costs the same however many there are. Fails as the ledger. */
  sample(holder: DeviceId, count: number): Promise<HeldSample>
  /**
   * Has the device prove each of these blocks that it is bound to hold; others are left out. A hold of which that fails
   * counts no more, and `onHolderLost` tells. Fails with `aborted`, and as the ledger.
   */
  audit(holder: DeviceId, cids: readonly Cid[], signal?: AbortSignal): Promise<ReadonlyMap<Cid, AuditOutcome>>
  /** No hold of the device counts from now on, and `onHolderLost` tells; each is released once others hold the block. */
  doubt(holder: DeviceId, signal?: AbortSignal): Promise<void>
}

/** Whose word evictions count. */
export interface HolderTrust {
  /** Whether the device proved lately that it keeps what it promised, and failed in nothing since. */
  isProven(device: DeviceId): boolean
  /**
   * Has devices audited of whom that is not known, and of each some of these blocks, which are about to be deleted here.
   * Resolves when that is done, whatever comes of it. Fails with `aborted`.
   */
  freshen(holdings: ReadonlyMap<DeviceId, readonly Cid[]>, signal?: AbortSignal): Promise<void>
}

/** Keeps promises to others, and knows those of others. */
export interface HoldService {
  /**
   * Asks one device to hold these blocks, which it pulls from here or elsewhere; as many as you like. Resolves when each
   * is durably held, or is not. Fails with `aborted`: what was not answered until then is called off.
   */
  ask(holder: DeviceId, blocks: readonly BlockSize[], signal?: AbortSignal): Promise<ReadonlyMap<Cid, AskOutcome>>
  /** Who is bound to hold each of these, by the ledger: members whose hold stands and who did not ask to be let go. */
  holdersOf(cids: readonly Cid[]): Promise<readonly (readonly DeviceId[])[]>
  /**
   * Deletes this device's copies where the rule allows it: asks the holders of each, or of its shards, for new holds, checks
   * everything again, and deletes. That no manifest or head node is among them, and nothing that is to stay here, the caller sees to.
   */
  evict(cids: readonly Cid[], signal?: AbortSignal): Promise<ReadonlyMap<Cid, EvictOutcome>>
  /** Nothing here needs these any more: whoever holds them is told, until it acknowledges. */
  release(cids: readonly Cid[]): Promise<void>
  /** How much that member would still hold for this device; undefined if it does not answer. */
  offerOf(holder: DeviceId, signal?: AbortSignal): Promise<Offer | undefined>
  readonly audits: HolderAudits
  /** From now on evictions count those whom this trusts; until then nobody. */
  trustBy(trust: HolderTrust): void
  /**
   * Calls the listener with blocks that a holder keeps no more, or not for long: it was removed, asks to be let go, could not
   * prove that it has them, or is silent for too long.
   */
  onHolderLost(listener: (holder: DeviceId, cids: readonly Cid[]) => void): () => void
  /** Every block that was promised to others: for garbage collection. */
  readonly promises: ReferenceSource
  /** Every block that others hold for this device, in no order, some more than once. */
  borrowed(): AsyncIterable<Cid>
  /** Bytes held for others, by owner. A block that is held for two counts for each. */
  lent(): Promise<ReadonlyMap<OwnerId, number>>
  /** What is known of blocks that are held in shards. */
  readonly shards: ShardService
}

export interface ShardService {
  /** Shards of each of these blocks that others are bound to hold, or this device is. */
  of(cids: readonly Cid[]): Promise<readonly (readonly HeldShard[])[]>
  /** Shards of a block that connected members say they keep for this device's owner; nobody vouches for that. */
  find(cid: Cid, signal?: AbortSignal): Promise<readonly KeptShard[]>
  /** Whether this member is connected now. */
  isConnected(device: DeviceId): boolean
  /** Keeps these here, for others to pull, until it is disposed of; they do not count as here. Fails with `no-space`, `io`. */
  expose(shards: readonly ShardBytes[]): Promise<AsyncDisposable>
  /** The block for whose sake this one is held: the one that it is a shard of, or itself. Fails as the ledger. */
  blockOf(cid: Cid): Cid
}
