/**
 * On how many other devices a file is, so that it comes back from there: those that are bound to hold all of its blocks and
 * keep a head in which it stands at its place. Known from the ledger and the heads, nobody is asked.
 */
import type { ByteString, Cid, PlacedFile, ReplicaCounter, Replicas, StubState } from '../../dfs.ts'
import { countHolders } from '../../net/holds/counting.ts'
import type { HoldService } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { batchesOf } from './batches.ts'
import type { MembersView } from './parts.ts'

export interface HeldReplicasOptions {
  readonly holds: Pick<HoldService, 'holdersOf'>
  readonly heads: {
    keepersOf(folderId: Buffer, path: ByteString, state: StubState): Promise<readonly DeviceId[]>
  }
  readonly members: MembersView
  /** How many devices are wanted. */
  readonly replicas: () => number
}

const BATCH_BLOCKS = 256

export class HeldReplicas implements ReplicaCounter {
  readonly #options: HeldReplicasOptions

  constructor(options: HeldReplicasOptions) {
    this.#options = options
  }

  /** The least over its blocks, of devices that count: see `countHolders`. */
  async count({ folderId, path, state }: PlacedFile, blocks: AsyncIterable<Cid>): Promise<Replicas> {
    const { holds, heads, members, replicas } = this.#options
    const keepers = new Set(await heads.keepersOf(folderId, path, state))
    let counted = countHolders(keepers, members)
    if (counted > 0) {
      for await (const cids of batchesOf(blocks, { countMax: BATCH_BLOCKS })) {
        for (const holders of await holds.holdersOf(cids)) {
          const both = holders.filter((holder) => keepers.has(holder))
          counted = Math.min(counted, countHolders(both, members))
        }
        if (counted === 0) break
      }
    }
    return { counted, wanted: replicas() }
  }
}
