/**
 * Open files: opening below a directory, positioned reads and writes, sync.
 *
 * Descriptors are plain numbers that the caller closes; all of them are close-on-exec.
 */
import { fdatasync, constants as fs, fsync } from 'node:fs'
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { ERRNO, fromNodeError } from './errno.ts'
import { callAsync, check, cString, errno, lastError, libc } from './libc.ts'

/** Flags of open(2). Those that differ between architectures come from node. */
export const O = {
  RDONLY: fs.O_RDONLY,
  WRONLY: fs.O_WRONLY,
  RDWR: fs.O_RDWR,
  ACCMODE: 3,
  CREAT: fs.O_CREAT,
  EXCL: fs.O_EXCL,
  TRUNC: fs.O_TRUNC,
  APPEND: fs.O_APPEND,
  NONBLOCK: fs.O_NONBLOCK,
  DIRECTORY: fs.O_DIRECTORY,
  NOFOLLOW: fs.O_NOFOLLOW,
  NOATIME: fs.O_NOATIME,
  NOCTTY: fs.O_NOCTTY,
  DSYNC: fs.O_DSYNC,
  SYNC: fs.O_SYNC,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  /** With WRONLY or RDWR and a directory's name: a file without a name. */
  TMPFILE: 0o20000000 | fs.O_DIRECTORY,
} as const

/** Opens `name` below a directory; always close-on-exec. */
export function openAt(dirFd: number, name: ByteString, flags: number, mode = 0): number {
  const fd = libc.openat(dirFd, cString(name), flags | O.CLOEXEC, mode)
  if (fd < 0) throw lastError('openat', name)
  return fd
}

/** The same; undefined where there is no such file. */
export function tryOpenAt(dirFd: number, name: ByteString, flags: number, mode = 0): number | undefined {
  const fd = libc.openat(dirFd, cString(name), flags | O.CLOEXEC, mode)
  if (fd >= 0) return fd
  if (errno() === ERRNO.ENOENT) return undefined
  throw lastError('openat', name)
}

export function closeFd(fd: number): void {
  // Linux has closed the descriptor even where it says EINTR.
  if (libc.close(fd) < 0 && errno() !== ERRNO.EINTR) throw lastError('close')
}

/** Reads up to `length` bytes at `position` into `buffer` from `bufferOffset` on; returns how many, 0 at the end. */
export function preadFd(fd: number, buffer: Buffer, bufferOffset: number, length: number, position: number): number {
  if (!(bufferOffset >= 0 && length >= 0 && bufferOffset + length <= buffer.length)) {
    throw new DfsError('out-of-range', `pread: ${length} bytes at ${bufferOffset} do not fit ${buffer.length}`)
  }
  const into = bufferOffset === 0 ? buffer : buffer.subarray(bufferOffset, bufferOffset + length)
  for (;;) {
    const bytes = libc.pread(fd, into, length, position)
    if (bytes >= 0) return bytes
    if (errno() !== ERRNO.EINTR) throw lastError('pread')
  }
}

const POSIX_FADV_WILLNEED = 3

/** Has the kernel read the whole file ahead, without waiting for it. A hint: what becomes of it nobody hears. */
export function readSoon(fd: number): void {
  libc.posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED)
}

/** Writes the whole buffer at `position`. After a failure an unknown part of it is written. */
export function pwriteFd(fd: number, buffer: Buffer, position: number): void {
  let from = 0
  while (from < buffer.length) {
    const rest = from === 0 ? buffer : buffer.subarray(from)
    const bytes = libc.pwrite(fd, rest, rest.length, position + from)
    if (bytes > 0) from += bytes
    else if (bytes === 0) throw new DfsError('io', 'pwrite: nothing was written', { op: 'pwrite' })
    else if (errno() !== ERRNO.EINTR) throw lastError('pwrite')
  }
}

/** Sets the size; what is added reads as zeroes. */
export function truncateFd(fd: number, size: number): void {
  check(libc.ftruncate(fd, size), 'ftruncate')
}

/** Makes a file, its size and its times durable. Once this failed, what was written is lost: do not just try again. */
export function syncFd(fd: number): Promise<void> {
  return settled('fsync', (done) => fsync(fd, done))
}

/** Makes a file durable as far as it takes to read it back. */
export function dataSyncFd(fd: number): Promise<void> {
  return settled('fdatasync', (done) => fdatasync(fd, done))
}

/** Makes all of the file system that `fd` is on durable, off the main thread. */
export async function syncFilesystem(fd: number): Promise<void> {
  await callAsync(libc.syncfs, 'syncfs', fd)
}

function settled(op: string, start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(fromNodeError(error, op)) : resolve()))
  })
}
