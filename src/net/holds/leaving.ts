/** Letting holders go that asked for it, once others keep what they kept. */
import type { Cid } from '../../dfs.ts'
import { areEnough } from './counting.ts'
import type { HoldDriver, Outcome } from './driver.ts'
import type { Questions } from './questions.ts'
import type { DeviceId } from './state.ts'

export interface LeavingParts {
  readonly driver: HoldDriver
  readonly questions: Questions
  readonly signal?: AbortSignal | undefined
}

/** Of each of these blocks, if enough others hold it: at once where the block is here, else against new holds of theirs. */
export async function letLeave(cids: readonly Cid[], { driver, questions, signal }: LeavingParts): Promise<void> {
  const [released, handedOver] = [new Map<DeviceId, Cid[]>(), new Map<DeviceId, Cid[]>()]
  for (const cid of cids) {
    const { holds } = driver.stateOf(cid).record
    const view = driver.viewOf(cid)
    const holdersIn = (status: string) => holds.filter((hold) => hold.status === status).map(({ holder }) => holder)
    if (!areEnough(holdersIn('held'), view)) continue
    for (const holder of new Set(holdersIn('leaving'))) {
      const those = view.hasBlock ? released : handedOver
      those.set(holder, [...(those.get(holder) ?? []), cid])
    }
  }
  for (const [holder, those] of released) await driver.command(those, { kind: 'release', holder })
  for (const [letGo, those] of handedOver) await questions.run(those, { letGo, signal })
}

/** Those of the blocks that this holder asks to be let go of, as their records say now. */
export function leavingIn(holder: DeviceId, cids: readonly Cid[], outcomes: readonly Outcome[]): Cid[] {
  return cids.filter((_, at) =>
    outcomes[at]!.now?.record.holds.some((hold) => hold.holder === holder && hold.status === 'leaving'),
  )
}
