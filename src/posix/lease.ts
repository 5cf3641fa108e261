/**
 * Write leases (fcntl(2), F_SETLEASE): the kernel grants one only while nobody else has the file open, and whoever
 * then opens or truncates it waits until the lease is given back (45 s at most, /proc/sys/fs/lease-break-time).
 *
 * So a process must not open a file, by any name, that it holds a lease on: it would wait for itself.
 */
import { constants } from 'node:os'
import { DfsError } from '../errors.ts'
import { ERRNO } from './errno.ts'
import { check, errno, lastError, libc } from './libc.ts'

// linux/fcntl.h
const F_SETSIG = 10
const F_SETLEASE = 1024
const F_WRLCK = 1
const F_UNLCK = 2

/**
 * Takes the write lease of an open file without waiting; false if it is open elsewhere. It lasts until
 * `releaseLease`, or until the descriptor is closed.
 *
 * Fails with `no-permission` if the file belongs to another user, `unsupported` where the file system has no leases.
 */
export function tryWriteLease(fd: number): boolean {
  // Whoever wants the file makes the kernel send a signal: SIGIO, which ends the process, unless it is told another.
  // It forgets the other one with every lease given back.
  check(libc.fcntl(fd, F_SETSIG, 'int', constants.signals.SIGURG), 'fcntl')
  if (libc.fcntl(fd, F_SETLEASE, 'int', F_WRLCK) === 0) return true
  const reason = errno()
  if (reason === ERRNO.EAGAIN) return false
  if (reason !== ERRNO.EINVAL && reason !== ERRNO.ENOLCK) throw lastError('lease')
  throw new DfsError('unsupported', 'this file system cannot tell whether a file is in use', { op: 'lease' })
}

export function releaseLease(fd: number): void {
  check(libc.fcntl(fd, F_SETLEASE, 'int', F_UNLCK), 'lease')
}
