/** As how many copies blocks are worth on other devices: see `net/holds/strength`. */
import type { Cid } from '../../dfs.ts'
import { countHolders } from '../../net/holds/counting.ts'
import { strengthOf } from '../../net/holds/strength.ts'
import type { Holds, MembersView } from './parts.ts'

export interface StrengthOptions {
  readonly holds: Pick<Holds, 'holdersOf' | 'shards'>
  readonly members: MembersView
  /** Copies that are as good as any more: then shards are not looked at. */
  readonly enough: number
}

/** Of each of these blocks, by the ledger. */
export async function strengthsOf(
  cids: readonly Cid[],
  { holds, members, enough }: StrengthOptions,
): Promise<number[]> {
  const copies = await holds.holdersOf(cids)
  const strengths = copies.map((holders) => countHolders(holders, members))
  const weak = cids.filter((_, at) => strengths[at]! < enough)
  const shards = new Map((await holds.shards.of(weak)).map((those, at) => [weak[at]!, those]))
  return cids.map((cid, at) => {
    const those = shards.get(cid) ?? []
    return those.length === 0 ? strengths[at]! : strengthOf({ copies: copies[at]!, shards: those }, members)
  })
}
