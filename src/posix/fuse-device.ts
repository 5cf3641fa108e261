/**
 * /dev/fuse: the descriptor over which the kernel asks and is answered, and the signal by which it says that it has
 * something to ask.
 *
 * Calls on the hot path return negative errno instead of throwing.
 */
import { ERRNO } from './errno.ts'
import { O, openAt } from './files.ts'
import { AT_FDCWD, callAsync, check, errno, libc } from './libc.ts'

// linux/fcntl.h
const F_SETFL = 4
const F_SETOWN = 8
const O_ASYNC = 0o20000

/** Opens the device for one mount, never to wait in it. Fails with `no-permission`, `not-found` (no FUSE here). */
export function openFuseDevice(): number {
  return openAt(AT_FDCWD, '/dev/fuse', O.RDWR | O.NONBLOCK)
}

/** Whether a read came to nothing because there is nothing to read now. */
export function isNothingThere(result: number): boolean {
  return result === -ERRNO.EAGAIN || result === -ERRNO.EINTR || result === -ERRNO.ENOENT
}

/** Reads one request; its length, or negative errno. */
export function readFuseDevice(fd: number, into: Buffer): number {
  const bytes = libc.read(fd, into, into.length)
  return bytes < 0 ? -errno() : bytes
}

/** Writes the first `length` bytes as one answer; 0, or errno. */
export function writeFuseDevice(fd: number, from: Buffer, length: number): number {
  return libc.write(fd, from, length) < 0 ? errno() : 0
}

/** The same on another thread, for what the kernel may let wait. Rejects as it fails. */
export async function writeFuseDeviceAside(fd: number, from: Buffer): Promise<void> {
  await callAsync(libc.write, 'write /dev/fuse', fd, from, from.length)
}

/**
 * Has the kernel send SIGIO to this process whenever a request comes, or stops that. What came before it was switched
 * on gives no signal: read once more after. Without a handler SIGIO ends the process.
 */
export function signalRequests(fd: number, wanted: boolean): void {
  if (wanted) check(libc.fcntl(fd, F_SETOWN, 'int', process.pid), 'fcntl')
  check(libc.fcntl(fd, F_SETFL, 'int', wanted ? O.NONBLOCK | O_ASYNC : O.NONBLOCK), 'fcntl')
}

/** Makes a descriptor that somebody else opened one that never waits. */
export function neverWait(fd: number): void {
  check(libc.fcntl(fd, F_SETFL, 'int', O.NONBLOCK), 'fcntl')
}
