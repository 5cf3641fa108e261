/** Letting holders go that asked for it, once others keep what they kept. */
import type { BlockStore, Cid } from '../../dfs.ts'
import { areEnough } from './counting.ts'
import type { HoldDriver } from './driver.ts'
import type { Questions } from './questions.ts'
import type { DeviceId, OwnerId } from './state.ts'

export interface LeavingParts {
  readonly self: DeviceId
  readonly members: { ownerOf(device: DeviceId): OwnerId | undefined }
  readonly driver: HoldDriver
  readonly questions: Questions
  readonly store: Pick<BlockStore, 'has'>
  readonly replicas: () => number
  readonly signal?: AbortSignal | undefined
}

/** Of each of these blocks, if enough others hold it: at once where the block is here, else against new holds of theirs. */
export async function letLeave(cids: readonly Cid[], parts: LeavingParts): Promise<void> {
  const { self, members, driver, questions, store, replicas, signal } = parts
  const view = { self, replicas: replicas(), ownerOf: (device: DeviceId) => members.ownerOf(device) }
  const [released, handedOver] = [new Map<DeviceId, Cid[]>(), new Map<DeviceId, Cid[]>()]
  for (const cid of cids) {
    const { holds } = driver.stateOf(cid).record
    const holdersIn = (status: string) => holds.filter((hold) => hold.status === status).map(({ holder }) => holder)
    if (!areEnough(holdersIn('held'), view)) continue
    for (const holder of new Set(holdersIn('leaving'))) {
      const those = store.has(cid) ? released : handedOver
      those.set(holder, [...(those.get(holder) ?? []), cid])
    }
  }
  for (const [holder, those] of released) await driver.command(those, { kind: 'release', holder })
  for (const [letGo, those] of handedOver) await questions.run(those, { letGo, signal })
}
