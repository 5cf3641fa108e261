/**
 * Lets versions go that are too old or stand too close together. Their blocks go with the next garbage collection.
 *
 * A version's age counts from when this was first run with it there; whoever calls remembers that between runs.
 */

import { Slices } from '../concurrency/slices.ts'
import type { ByteString, VersionAge } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { contentHash } from '../seal/hash.ts'
import type { Services } from './services.ts'
import { type AgedVersion, expiredVersions } from './version-thinning.ts'
import { type WalkedVersion, walkVersions } from './version-walk.ts'
import type { Versions } from './versions.ts'

export interface ExpiryOptions {
  /** What the last run gave; empty if that is lost. */
  ages: ReadonlyMap<string, VersionAge>
  /** The store's running time. */
  nowMs: number
  /** The age at which every version goes. */
  keepMs: number
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
  const { nowMs, keepMs, signal } = options
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
  for (const history of histories.values()) {
    for (const expired of expiredVersions(history, { nowMs, keepMs })) {
      checkAborted(signal)
      await slices.next()
      // One that is in use goes the next time.
      if (!versions.remove(expired.id, expired.time)) continue
      ages.delete(keyOf(expired))
      removed++
    }
    await slices.next()
  }
  return { removed, ages }
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
