/**
 * The mode that a stub itself has: the file's, without the bits that lend rights, and the daemon must be able to read
 * and write it.
 */
import { MODE } from '../posix/stat.ts'

const OWNER_READ_WRITE = 0o600
const IS_ROOT = process.getuid?.() === 0

export function belowMode(mode: number): number {
  const access = mode & MODE.ACCESS
  return IS_ROOT ? access : access | OWNER_READ_WRITE
}
