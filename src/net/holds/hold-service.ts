/**
 * What the rest of the daemon may ask of the holds: keeping blocks on other devices, knowing who keeps them, and
 * deleting this device's copies where the rule of `machine.ts` allows it. One for each home, on the main thread.
 */
import type { Cid, ReferenceSource } from '../../dfs.ts'
import type { RefusalReason } from '../../format/hold-message.ts'
import type { DeviceId, OwnerId } from './state.ts'
import type { CommandRefusal } from './transition.ts'

export interface BlockSize {
  readonly cid: Cid
  /** Length of the block, as stored and sent. */
  readonly bytes: number
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
   * Deletes this device's copies where the rule allows it: asks the holders for new holds, checks everything again, and
   * deletes. That no manifest or head node is among them, and nothing that is to stay here, the caller sees to.
   */
  evict(cids: readonly Cid[], signal?: AbortSignal): Promise<ReadonlyMap<Cid, EvictOutcome>>
  /** Nothing here needs these any more: whoever holds them is told, until it acknowledges. */
  release(cids: readonly Cid[]): Promise<void>
  /** How much that member would still hold for this device; undefined if it does not answer. */
  offerOf(holder: DeviceId, signal?: AbortSignal): Promise<Offer | undefined>
  /** Calls the listener with blocks that a holder keeps no more, or not for long: it was removed, or asks to be let go. */
  onHolderLost(listener: (holder: DeviceId, cids: readonly Cid[]) => void): () => void
  /** Every block that was promised to others: for garbage collection. */
  readonly promises: ReferenceSource
  /** Every block that others hold for this device, in no order, some more than once. */
  borrowed(): AsyncIterable<Cid>
  /** Bytes held for others, by owner. A block that is held for two counts for each. */
  lent(): Promise<ReadonlyMap<OwnerId, number>>
}
