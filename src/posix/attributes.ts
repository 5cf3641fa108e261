/**
 * Mode, owner and times. The `At` forms never follow a symbolic link at the last component;
 * the `Fd` forms go through /proc/self/fd, so that O_PATH descriptors serve too.
 */
import type { ByteString } from '../dfs.ts'
import { ERRNO } from './errno.ts'
import { closeFd, O, openAt } from './files.ts'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  check,
  cString,
  errno,
  lastError,
  libc,
  pathOfFd,
} from './libc.ts'

/** Nanoseconds since 1970, or the time of the call, or as it was. */
export type Time = bigint | 'now' | 'keep'

const UTIME_NOW = 0x3fffffffn
const UTIME_OMIT = 0x3ffffffen
const NANOSECONDS = 1_000_000_000n

/** asm-generic/unistd.h; C libraries of 2024 and before have no function for it. */
const SYS_FCHMODAT2 = 452
/** Since Linux 6.6. */
let hasFchmodat2 = true

/** Two `struct timespec`: access, modification; each seconds and nanoseconds. */
const times = Buffer.allocUnsafeSlow(32)
const timesI64 = new BigInt64Array(times.buffer)

/** Fails with `unsupported` on a symbolic link, which has no mode of its own. */
export function chmodAt(dirFd: number, name: ByteString, mode: number): void {
  if (hasFchmodat2) {
    if (libc.fchmodat2(SYS_FCHMODAT2, dirFd, cString(name), mode, AT_SYMLINK_NOFOLLOW) === 0) return
    const reason = errno()
    // What confines a process (seccomp) may answer EPERM for calls that it does not know.
    if (reason !== ERRNO.ENOSYS && reason !== ERRNO.EPERM) throw lastError('chmod', name)
    hasFchmodat2 = reason !== ERRNO.ENOSYS
  }
  const fd = openAt(dirFd, name, O.PATH | O.NOFOLLOW)
  try {
    check(libc.fchmodat(AT_FDCWD, cString(pathOfFd(fd)), mode, 0), 'chmod', name)
  } finally {
    closeFd(fd)
  }
}

export function chmodFd(fd: number, mode: number): void {
  check(libc.fchmodat(AT_FDCWD, cString(pathOfFd(fd)), mode, 0), 'chmod')
}

/** -1 keeps the uid or the gid as it is. */
export function chownAt(dirFd: number, name: ByteString, uid: number, gid: number): void {
  check(libc.fchownat(dirFd, cString(name), uid | 0, gid | 0, AT_SYMLINK_NOFOLLOW), 'chown', name)
}

export function chownFd(fd: number, uid: number, gid: number): void {
  check(libc.fchownat(fd, cString(''), uid | 0, gid | 0, AT_EMPTY_PATH), 'chown')
}

export function utimesAt(dirFd: number, name: ByteString, atimeNs: Time, mtimeNs: Time): void {
  check(libc.utimensat(dirFd, cString(name), encodeTimes(atimeNs, mtimeNs), AT_SYMLINK_NOFOLLOW), 'utimensat', name)
}

export function utimesFd(fd: number, atimeNs: Time, mtimeNs: Time): void {
  check(libc.utimensat(AT_FDCWD, cString(pathOfFd(fd)), encodeTimes(atimeNs, mtimeNs), 0), 'utimensat')
}

function encodeTimes(atimeNs: Time, mtimeNs: Time): Buffer {
  encodeTime(atimeNs, 0)
  encodeTime(mtimeNs, 2)
  return times
}

function encodeTime(time: Time, at: number): void {
  if (typeof time !== 'bigint') {
    timesI64[at] = 0n
    timesI64[at + 1] = time === 'now' ? UTIME_NOW : UTIME_OMIT
    return
  }
  // Before 1970 the seconds are negative and the nanoseconds still count forward.
  const nanoseconds = ((time % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  timesI64[at] = (time - nanoseconds) / NANOSECONDS
  timesI64[at + 1] = nanoseconds
}
