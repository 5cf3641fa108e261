/**
 * Which kept versions go where all together take more of the disk than they may.
 *
 * A version counts as its stub and those blocks here that neither the file nor a newer version of it has, so of each
 * history the oldest goes first. The newest of a history goes only where the others are not enough; what is younger than an hour
 * of running time stays.
 */
import { Slices } from '../concurrency/slices.ts'
import type { Cid, StubState } from '../dfs.ts'
import { STUB_BYTES_MAX } from '../format/stub.ts'
import { ManifestTree } from '../seal/manifest-tree.ts'
import { isNotHere, withoutFetching } from './file-state.ts'
import type { Services } from './services.ts'
import { type AgedVersion, compareAges, HOUR_MS } from './version-thinning.ts'

export interface HistoryToCount<T extends AgedVersion> {
  /** Of one path. */
  readonly versions: readonly T[]
  /** The file's own content; undefined if it is gone. */
  readonly present: VersionedContent | undefined
  /** What a version holds; undefined if it is damaged. */
  read(version: T): VersionedContent | undefined
}

export type VersionedContent = Pick<StubState, 'content' | 'meta'>

interface Counted<T> {
  readonly version: T
  readonly isNewest: boolean
  readonly bytes: number
}

/** `nowMs`: running time. Fails as the disk fails; nothing is fetched. */
export async function versionsOverBudget<T extends AgedVersion>(
  histories: Iterable<HistoryToCount<T>>,
  { nowMs, bytesMax }: { nowMs: number; bytesMax: number },
  parts: Pick<Services, 'reader' | 'store'>,
): Promise<T[]> {
  let total = 0
  const mayGo: Counted<T>[] = []
  for (const history of histories) {
    for (const counted of await count(history, parts)) {
      total += counted.bytes
      if (nowMs - counted.version.firstSeenMs >= HOUR_MS) mayGo.push(counted)
    }
  }
  const over: T[] = []
  for (const { version, bytes } of mayGo.sort(firstToGo)) {
    if (total <= bytesMax) break
    total -= bytes
    over.push(version)
  }
  return over
}

async function count<T extends AgedVersion>(
  { versions, present, read }: HistoryToCount<T>,
  parts: Pick<Services, 'reader' | 'store'>,
): Promise<Counted<T>[]> {
  const seen = new Set<Cid>()
  if (present !== undefined) await newBytes(present, seen, parts)
  const counted: Counted<T>[] = []
  for (const version of versions.toSorted((a, b) => compareAges(b, a))) {
    const held = read(version)
    const bytes = STUB_BYTES_MAX + (held === undefined ? 0 : await newBytes(held, seen, parts))
    counted.push({ version, bytes, isNewest: counted.length === 0 })
  }
  return counted
}

/** Length of the blocks here that were not seen before; they are from now on. */
async function newBytes(
  { content, meta }: VersionedContent,
  seen: Set<Cid>,
  { reader, store }: Pick<Services, 'reader' | 'store'>,
): Promise<number> {
  const slices = new Slices()
  let bytes = 0
  try {
    for await (const { ref } of ManifestTree.of(content, meta.size).blocks(withoutFetching({ reader }))) {
      await slices.next()
      if (seen.has(ref.cid)) continue
      seen.add(ref.cid)
      if (store.has(ref.cid)) bytes += ref.sealedBytes
    }
  } catch (error) {
    if (!isNotHere(error)) throw error
  }
  return bytes
}

function firstToGo<T extends AgedVersion>(one: Counted<T>, other: Counted<T>): number {
  return Number(one.isNewest) - Number(other.isNewest) || compareAges(one.version, other.version)
}
