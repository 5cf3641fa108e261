/**
 * The wall clock in nanoseconds, for the times that files show. Never used to decide that something may be deleted.
 */
const MS = 1_000_000n
const DRIFT_NS_MAX = 2n * MS
const TIME_NS_MAX = 2n ** 63n - 1n
const TIME_NS_MIN = -(2n ** 63n)

let offset = wallNs() - process.hrtime.bigint()

/** Nanoseconds since 1970; finer than the milliseconds of Date, and with it where the clock was set. */
export function nowNs(): bigint {
  const now = process.hrtime.bigint() + offset
  const wall = wallNs()
  const drift = now - wall
  if (drift <= DRIFT_NS_MAX && drift >= -DRIFT_NS_MAX) return now
  offset += wall - now
  return wall
}

/** A time as it can be stored, in 64 bits: from 1677 to 2262. What lies outside becomes the nearest, as on any disk. */
export function storableNs(timeNs: bigint): bigint {
  if (timeNs > TIME_NS_MAX) return TIME_NS_MAX
  return timeNs < TIME_NS_MIN ? TIME_NS_MIN : timeNs
}

function wallNs(): bigint {
  return BigInt(Date.now()) * MS
}
