/**
 * Advisory locks on whole files: `flock(2)`, which the kernel drops when the last descriptor closes,
 * so that a killed process never leaves a lock behind.
 */
import { ERRNO } from './errno.ts'
import { errno, lastError, libc } from './libc.ts'

const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Takes the exclusive lock of an open file without waiting; false if another open file description holds it.
 * The lock lives until `fd` and its duplicates are closed. Fails with the kind of errno where the file system has no locks.
 */
export function tryLockFile(fd: number): boolean {
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true
  if (errno() === ERRNO.EWOULDBLOCK) return false
  throw lastError('flock')
}
