/**
 * Has blocks held as the setting says, as copies or in shards; what is safe in either way is left alone.
 *
 * Invariant: a block is placed by one at a time. What a new head adds is placed while a search comes by, too; both would
 * choose for themselves, of the devices that lend at that moment, and others would hold twice what is wanted.
 */
import { Turns } from '../../concurrency/turns.ts'
import type { Cid } from '../../dfs.ts'
import type { Redundancy } from '../../format/shard.ts'
import type { BlockSize, HeldShard } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { strengthOf } from '../../net/holds/strength.ts'
import type { HeadBlock } from '../heads/head-keeper.ts'
import type { Holds, MembersView } from './parts.ts'
import type { Placed, Placer } from './placing.ts'
import type { ShardPlacer } from './sharding.ts'

export interface PolicyPlacerOptions {
  readonly holds: Pick<Holds, 'holdersOf' | 'shards'>
  readonly members: MembersView
  readonly copies: Pick<Placer, 'place'>
  readonly shards: Pick<ShardPlacer, 'place'>
  /** Undefined: copies. */
  readonly redundancy: () => Redundancy | undefined
  /** As how many copies everything is to be. */
  readonly replicas: () => number
  readonly onHolder: (holder: DeviceId) => void
}

/** A shorter shard is not worth a hold of its own, which both sides remember, and is audited. */
const SHARD_BYTES_MIN = 8 * 1024

export class PolicyPlacer {
  readonly #options: PolicyPlacerOptions
  readonly #turns = new Turns<Cid>()

  constructor(options: PolicyPlacerOptions) {
    this.#options = options
  }

  /** Resolves with what could not be placed. Fails as those who place it do, and with the signal's reason. */
  place(blocks: readonly HeadBlock[], signal: AbortSignal): Promise<Placed> {
    const cids = blocks.map(({ cid }) => cid)
    return this.#turns.run(cids, () => this.#place(blocks, signal), signal)
  }

  async #place(blocks: readonly HeadBlock[], signal: AbortSignal): Promise<Placed> {
    const { copies, shards, redundancy } = this.#options
    const coding = redundancy()
    const [copied, split] = await this.#sort(blocks, coding)
    const outcomes = [await copies.place(copied, signal)]
    if (coding !== undefined) outcomes.push(await shards.place(split, coding, signal))
    return {
      blocks: outcomes.reduce((sum, { blocks }) => sum + blocks, 0),
      bytes: outcomes.reduce((sum, { bytes }) => sum + bytes, 0),
    }
  }

  async #sort(blocks: readonly HeadBlock[], coding: Redundancy | undefined): Promise<[BlockSize[], BlockSize[]]> {
    const { holds, members, replicas } = this.#options
    const cids = blocks.map(({ cid }) => cid)
    const [holders, shards] = [await holds.holdersOf(cids), await holds.shards.of(cids)]
    const [copied, split]: [BlockSize[], BlockSize[]] = [[], []]
    for (const [at, block] of blocks.entries()) {
      if (this.#isSafe(shards[at]!)) continue
      const isCopied = strengthOf({ copies: holders[at]!, shards: [] }, members) >= replicas()
      if (coding !== undefined && !isCopied && isWorthSplitting(block, coding)) split.push(block)
      else copied.push(block)
    }
    return [copied, split]
  }

  #isSafe(shards: readonly HeldShard[]): boolean {
    const { members, replicas, onHolder } = this.#options
    if (shards.length === 0 || strengthOf({ copies: [], shards }, members) < replicas()) return false
    for (const holder of shards.flatMap(({ holders }) => holders)) onHolder(holder)
    return true
  }
}

/** Nodes are needed to find out what else is, and are small. */
function isWorthSplitting({ kind, bytes }: HeadBlock, { data }: Redundancy): boolean {
  return kind === 'data' && bytes >= data * SHARD_BYTES_MIN
}
