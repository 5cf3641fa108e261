/** What an audit says of a holder. */
import type { AuditOutcome } from '../../net/holds/hold-service.ts'

export interface AuditCounts {
  readonly good: number
  readonly failed: number
  readonly unreachable: number
}

/** A device that fails in more than this of a sample lost more than a disk loses now and then. */
const FAILED_SHARE = 0.05
const FAILED_MIN = 2
/** In so many altogether nobody fails by chance, however many are asked for. */
const FAILURES_MAX = 16

export function countOutcomes(outcomes: ReadonlyMap<unknown, AuditOutcome>): AuditCounts {
  const counts = { good: 0, failed: 0, unreachable: 0 }
  for (const outcome of outcomes.values()) counts[outcome]++
  return counts
}

/** Of a sample of so many blocks of a device that failed before, and of all its failures since it was last trusted. */
export function isTooMany({ good, failed }: AuditCounts, asked: number, failures: number): boolean {
  // What it failed in is in no sample: it failed in all it held.
  if (asked === 0) return failures > 0
  if (good === 0) return failed > 0
  return failures >= FAILURES_MAX || failed >= Math.max(FAILED_MIN, FAILED_SHARE * (good + failed))
}

/** Every block that it was asked for is there. */
export function isClean({ good }: AuditCounts, asked: number): boolean {
  return good === asked
}
