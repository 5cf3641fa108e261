/**
 * On how many other devices a file is, so that it comes back from there: as many are bound to hold each of its blocks, and as many
 * keep a head in which it stands at its place. These need not be the same ones: whoever of all of them is lost, one fewer
 * than that, some are left of each. Known from the ledger and the heads, nobody is asked.
 */
import type { ByteString, Cid, PlacedFile, ReplicaCounter, Replicas, StubState } from '../../dfs.ts'
import { countHolders } from '../../net/holds/counting.ts'
import type { HoldService } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { batchesOf } from './batches.ts'
import type { MembersView } from './parts.ts'
import { strengthsOf } from './strengths.ts'

export interface HeldReplicasOptions {
  readonly holds: Pick<HoldService, 'holdersOf' | 'shards'>
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

  /** The least over its blocks, of what they are worth, and over those who keep it: see `net/holds/strength`. */
  async count({ folderId, path, state }: PlacedFile, blocks: AsyncIterable<Cid>): Promise<Replicas> {
    const { holds, heads, members, replicas } = this.#options
    let counted = countHolders(await heads.keepersOf(folderId, path, state), members)
    if (counted > 0) {
      for await (const cids of batchesOf(blocks, { countMax: BATCH_BLOCKS })) {
        const strengths = await strengthsOf(cids, { holds, members, enough: Math.min(counted, replicas()) })
        counted = Math.min(counted, ...strengths)
        if (counted === 0) break
      }
    }
    return { counted, wanted: replicas() }
  }
}
