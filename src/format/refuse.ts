/**
 * How decoders refuse bytes: every failure is a DfsError of kind `corrupt` (the bytes break the format) or
 * `newer-version` (a later dfs wrote them). Whoever gets the latter leaves the bytes as they are.
 */
import { DfsError } from '../errors.ts'

/** The error for bytes that break a format; `what` names the format and the rule that was broken. */
export function corrupt(what: string): DfsError {
  return new DfsError('corrupt', what, { op: 'decode' })
}

/** Fails with `corrupt` unless the rule holds. For hot paths whose message is costly, test and throw `corrupt` instead. */
export function requireRule(rule: boolean, what: string): asserts rule {
  if (!rule) throw corrupt(what)
}

/** Fails unless `found` is the version this dfs knows: `newer-version` above it, `corrupt` below. */
export function requireVersion(format: string, found: number, known: number): void {
  if (found === known) return
  if (found < known) throw corrupt(`${format}: version ${found} never existed`)
  throw new DfsError('newer-version', `${format} has version ${found}, this dfs knows version ${known}`, {
    op: 'decode',
    mend: 'install a newer dfs on this device',
  })
}

/** Four ASCII characters as the little-endian u32 that they are on disk. */
export function magicNumber(text: string): number {
  return Buffer.from(text, 'latin1').readUInt32LE(0)
}
