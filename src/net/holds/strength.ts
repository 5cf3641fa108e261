/**
 * How well a block is kept by others: so many holders have to be lost before it is. Copies are worth one each. Of shards any
 * `data` give the block back, each on a device that counts by itself: it takes one loss more than there are others.
 */
import type { ShardOf } from '../../format/kept-shards.ts'
import { type CountedMembers, countedAs, countHolders } from './counting.ts'
import type { HeldShard } from './hold-service.ts'
import type { DeviceId } from './state.ts'

/** Who holds the block as a whole, and its shards. */
export interface Kept {
  readonly copies: readonly DeviceId[]
  readonly shards: readonly HeldShard[]
}

/** As many copies as it is worth; 0 if it does not come back from these. */
export function strengthOf({ copies, shards }: Kept, members: CountedMembers): number {
  const codings = [...codingsOf(shards).values()].map((coding) => {
    return spread(coding, members).size - coding[0]!.data + 1
  })
  return Math.max(countHolders(copies, members), 0, ...codings)
}

/** Shards that belong together: of one block, coded alike. */
export function codingsOf<S extends ShardOf>(shards: readonly S[]): Map<string, S[]> {
  return Map.groupBy(shards, ({ data, parity }) => `${data}+${parity}`)
}

/** Of the shards that were coded alike, the most; none if no coding gives the block back. */
export function largestCoding<S extends ShardOf>(shards: readonly S[]): S[] {
  const isAble = (coding: readonly S[]) => new Set(coding.map(({ index }) => index)).size >= coding[0]!.data
  const able = [...codingsOf(shards).values()].filter(isAble)
  const [largest = []] = able.sort((one, other) => other.length - one.length)
  return largest
}

/** As many shards of one coding as can be had with distinct holders that count; each with that holder, by its index. */
export function spread(
  shards: readonly Pick<HeldShard, 'index' | 'holders'>[],
  members: CountedMembers,
): Map<number, DeviceId> {
  const taken = new Map<string, { readonly index: number; readonly holder: DeviceId }>()
  const byIndex = Map.groupBy(shards, ({ index }) => index)
  const holdersOf = (index: number) => byIndex.get(index)!.flatMap(({ holders }) => holders)
  // Augmenting paths: whoever is in the way is moved to another of its holders, if it has one.
  const place = (index: number, tried: Set<string>): boolean => {
    for (const holder of holdersOf(index)) {
      const name = countedAs(holder, members)
      if (name === undefined || tried.has(name)) continue
      tried.add(name)
      const before = taken.get(name)
      if (before !== undefined && !place(before.index, tried)) continue
      taken.set(name, { index, holder })
      return true
    }
    return false
  }
  for (const index of byIndex.keys()) place(index, new Set())
  return new Map([...taken.values()].map(({ index, holder }) => [index, holder]))
}
