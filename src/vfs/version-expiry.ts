/**
 * Lets versions go that are too old, stand too close together or take too much of the disk. Their blocks go with the next garbage collection.
 *
 * A version's age counts from when this was first run with it there; whoever calls remembers that between runs.
 */

import { Slices } from '../concurrency/slices.ts'
import type { ByteString, VersionAge } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { contentHash } from '../seal/hash.ts'
import type { Services } from './services.ts'
import { type HistoryToCount, type VersionedContent, versionsOverBudget } from './version-budget.ts'
import { type AgedVersion, expiredVersions } from './version-thinning.ts'
import { readVersionOf, type WalkedVersion, walkVersions } from './version-walk.ts'
import type { Versions } from './versions.ts'

export interface ExpiryOptions {
  /** What the last run gave; empty if that is lost. */
  ages: ReadonlyMap<string, VersionAge>
  /** The store's running time. */
  nowMs: number
  /** The age at which every version goes. */
  keepMs: number
  /** How much of the disk the versions of a folder may take. */
  bytesMax?: number | undefined
  /** The content of the file at a path; `busy` if it cannot be told now. */
  present?: ((path: ByteString) => VersionedContent | 'busy' | undefined) | undefined
  signal?: AbortSignal | undefined
}

export interface Expired {
  /** How many versions were removed. */
  readonly removed: number
  /** Of the versions that are left, by `FILEID/TIME`. */
  readonly ages: Map<string, VersionAge>
}

interface Kept extends AgedVersion {
  readonly id: string
  readonly time: string
}

const LINEAGE_DIGITS = 32

/** Fails with `aborted`, `io`; the versions removed until then were due. */
export async function expireVersions(services: Services, versions: Versions, options: ExpiryOptions): Promise<Expired> {
  const { nowMs, keepMs, bytesMax, signal } = options
  const ages = new Map<string, VersionAge>()
  const histories = new Map<string, Kept[]>()
  for await (const version of walkVersions(services, versions.directory)) {
    checkAborted(signal)
    const age = ageOf(version, options, services)
    ages.set(keyOf(version), age)
    const { id, time, timeMs } = version
    const kept = { id, time, timeMs, firstSeenMs: age.firstSeenMs }
    const history = histories.get(age.lineage)
    if (history === undefined) histories.set(age.lineage, [kept])
    else history.push(kept)
  }
  const slices = new Slices()
  let removed = 0
  const remove = async (expired: readonly Kept[]) => {
    for (const version of expired) {
      checkAborted(signal)
      await slices.next()
      // One that is in use goes the next time.
      if (!versions.remove(version.id, version.time)) continue
      ages.delete(keyOf(version))
      removed++
    }
  }
  for (const history of histories.values()) {
    await remove(expiredVersions(history, { nowMs, keepMs }))
    await slices.next()
  }
  if (bytesMax !== undefined) {
    const left = [...histories.values()].map((history) => history.filter((version) => ages.has(keyOf(version))))
    const counted = toCount(left, options, { services, versions })
    await remove(await versionsOverBudget(counted, { nowMs, bytesMax }, services))
  }
  return { removed, ages }
}

/** The history of a file that is being written is passed over, so that nothing goes for its sake. */
function* toCount(
  histories: readonly Kept[][],
  { present, signal }: ExpiryOptions,
  { services, versions }: { services: Services; versions: Versions },
): Generator<HistoryToCount<Kept>> {
  const contentOf = (version: Kept) => readVersionOf(services, versions.directory, version)
  for (const history of histories) {
    checkAborted(signal)
    const path = history.length === 0 ? undefined : contentOf(history[0]!)?.path
    const found = path === undefined ? undefined : present?.(path)
    if (found !== 'busy') yield { versions: history, present: found, read: (version) => contentOf(version)?.state }
  }
}

function ageOf(version: WalkedVersion, { ages, nowMs }: ExpiryOptions, services: Services): VersionAge {
  const known = ages.get(keyOf(version))
  // Seen later than now: the running time was lost and starts anew; then so does the age.
  if (known !== undefined) return known.firstSeenMs <= nowMs ? known : { ...known, firstSeenMs: nowMs }
  const path = version.read()?.path
  return { firstSeenMs: nowMs, lineage: path === undefined ? version.id : lineageOf(path, services) }
}

/** Versions of one path are one history, for many programs save a file by putting a new one in its place. */
function lineageOf(path: ByteString, { keys }: Services): string {
  const hash = contentHash(keys, Buffer.from(`history of ${path}`, 'latin1'))
  return hash.toString('hex').slice(0, LINEAGE_DIGITS)
}

function keyOf({ id, time }: { id: string; time: string }): string {
  return `${id}/${time}`
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DfsError('aborted', 'stopped', { cause: signal.reason })
}
