/**
 * Which kept versions of a path may go: all stay for an hour, then one an hour for a day, then one a day for thirty days,
 * then one a week until they are too old.
 *
 * Ages are the store's running time, so the wall clock never lets a version go: the times in their names, which it gave,
 * can only keep apart what running time has run together, as when the ages were lost and begin anew.
 * The newest of all goes by age alone.
 */

export interface AgedVersion {
  /** Running time at which it was first seen. */
  readonly firstSeenMs: number
  /** Of its name: wall clock, milliseconds since 1970. */
  readonly timeMs: number
}

export const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const WEEK_MS = 7 * DAY_MS
const DAILY_MS = 30 * DAY_MS

/** `nowMs`: running time; a version first seen later than now counts as new. `keepMs`: the age at which all go. */
export function expiredVersions<T extends AgedVersion>(
  versions: Iterable<T>,
  { nowMs, keepMs }: { nowMs: number; keepMs: number },
): T[] {
  const expired: T[] = []
  const newestOf = new Map<string, T>()
  for (const version of versions) {
    const ageMs = Math.max(0, nowMs - version.firstSeenMs)
    if (ageMs >= keepMs) expired.push(version)
    if (ageMs >= keepMs || ageMs < HOUR_MS) continue
    const span = spanOf(version, spacingAt(ageMs))
    const other = newestOf.get(span)
    if (other !== undefined) expired.push(compareAges(version, other) > 0 ? other : version)
    if (other === undefined || compareAges(version, other) > 0) newestOf.set(span, version)
  }
  return expired
}

/** How long the stretches are of which one version of this age stays. */
function spacingAt(ageMs: number): number {
  if (ageMs < DAY_MS) return HOUR_MS
  return ageMs < DAILY_MS ? DAY_MS : WEEK_MS
}

/** Names the stretch of time of which one version stays. */
function spanOf({ firstSeenMs, timeMs }: AgedVersion, spanMs: number): string {
  return [spanMs, Math.floor(firstSeenMs / spanMs), Math.floor(timeMs / spanMs)].join('/')
}

/** The older first, by running time; of those seen at one moment by the times in their names. */
export function compareAges(one: AgedVersion, other: AgedVersion): number {
  return one.firstSeenMs - other.firstSeenMs || one.timeMs - other.timeMs
}
