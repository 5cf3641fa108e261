/**
 * What belongs to the whole process: its limits, its umask, and paths as text.
 */
import { realpathSync } from 'node:fs'
import { fromNodeError } from './errno.ts'
import { check, libc } from './libc.ts'

const RLIMIT_NOFILE = 7
const FILES_WANTED = 1_048_576n

/** Raises the limit of open files as far as this user may (root to 1,048,576); returns what it is then. */
export function raiseOpenFilesLimit(): number {
  const limits = Buffer.allocUnsafeSlow(16) // struct rlimit: soft, hard
  check(libc.getrlimit(RLIMIT_NOFILE, limits), 'getrlimit')
  const soft = limits.readBigUInt64LE(0)
  const hard = limits.readBigUInt64LE(8)
  const wanted = hard > FILES_WANTED ? hard : FILES_WANTED
  if (setLimit(limits, wanted)) return count(wanted)
  return setLimit(limits, hard) ? count(hard) : count(soft)
}

function setLimit(limits: Buffer, files: bigint): boolean {
  limits.writeBigUInt64LE(files, 0)
  limits.writeBigUInt64LE(files, 8)
  return libc.setrlimit(RLIMIT_NOFILE, limits) === 0
}

function count(limit: bigint): number {
  return limit > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(limit)
}

/** Gives memory that C libraries took and do not use now back to the machine, where the C library can. */
export function giveBackMemory(): void {
  libc.malloc_trim?.(0)
}

/** Sets the bits that new files do not get; returns those of before. Main thread only. */
export function setUmask(mask: number): number {
  return process.umask(mask)
}

/** The absolute path without symbolic links. Fails with `not-found`, `loop`, `no-permission`, ... */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch (error) {
    throw fromNodeError(error, 'realpath', path)
  }
}
