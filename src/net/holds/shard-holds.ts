/** What is known of blocks that are held in shards: by the ledger, and by asking others who are connected. */
import type { Cid } from '../../dfs.ts'
import { cidOfDigest } from '../../format/cid.ts'
import { Exposed, type ExposedOptions } from './exposed.ts'
import type { HeldShard, ShardBytes, ShardService } from './hold-service.ts'
import { type BlockRecord, readRecord } from './ledger.ts'
import { ShardQueries, type ShardQueriesOptions } from './shard-queries.ts'
import type { DeviceId, Held } from './state.ts'

export type ShardHoldsOptions = ExposedOptions & ShardQueriesOptions

export class ShardHolds implements ShardService {
  readonly queries: ShardQueries
  readonly exposed: Exposed
  readonly #options: ShardHoldsOptions

  constructor(options: ShardHoldsOptions) {
    this.#options = options
    this.queries = new ShardQueries(options)
    this.exposed = new Exposed(options)
  }

  of(cids: readonly Cid[]): Promise<readonly (readonly HeldShard[])[]> {
    return Promise.all(cids.map((cid) => this.#of(cid)))
  }

  find(cid: Cid, signal?: AbortSignal) {
    return this.queries.find(cid, signal)
  }

  isConnected(device: DeviceId): boolean {
    return this.queries.isConnected(device)
  }

  expose(shards: readonly ShardBytes[]): Promise<AsyncDisposable> {
    return this.exposed.expose(shards)
  }

  blockOf(cid: Cid): Cid {
    const { shard } = readRecord(this.#options.ledger, cid)
    return shard === undefined ? cid : cidOfDigest(shard.block)
  }

  async #of(block: Cid): Promise<readonly HeldShard[]> {
    const { ledger } = this.#options
    const found: HeldShard[] = []
    for await (const cid of ledger.shardsOf(block)) {
      const record = readRecord(ledger, cid)
      // Gone meanwhile.
      if (record.shard !== undefined) found.push(this.#held(cid, record, record.shard))
    }
    return found
  }

  #held(cid: Cid, { bytes, record }: BlockRecord, shard: NonNullable<BlockRecord['shard']>): HeldShard {
    const { ownerOf } = this.#options
    const holdersIn = (status: Held['status']) => {
      const those = record.holds.filter((hold) => hold.status === status && ownerOf(hold.holder) !== undefined)
      return [...new Set(those.map(({ holder }) => holder))]
    }
    return { ...shard, cid, bytes, holders: holdersIn('held'), leaving: holdersIn('leaving') }
  }
}
