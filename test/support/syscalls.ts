/**
 * The system calls that tests make and Node has no words for. Synchronous. Names and paths are bytes, so that any
 * name can be said; failures are errors with the `code` Node would give them.
 */
import { constants } from 'node:fs'
import { getSystemErrorMap } from 'node:util'
import koffi from 'koffi'

const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6')
const lsetxattr = libc.func(
  'int lsetxattr(const void *path, const char *name, const void *value, size_t size, int flags)',
)
const lgetxattr = libc.func('int64_t lgetxattr(const void *path, const char *name, void *value, size_t size)')
const llistxattr = libc.func('int64_t llistxattr(const void *path, void *list, size_t size)')
const lremovexattr = libc.func('int lremovexattr(const void *path, const char *name)')
const mknod = libc.func('int mknod(const void *path, unsigned int mode, unsigned long device)')
const mmap = libc.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)')
const munmap = libc.func('int munmap(void *address, size_t length)')
const msync = libc.func('int msync(void *address, size_t length, int flags)')
const lseek = libc.func('int64_t lseek(int fd, int64_t offset, int whence)')
const fallocateFd = libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)')
const renameat2 = libc.func(
  'int renameat2(int fromDirectory, const void *from, int toDirectory, const void *to, unsigned int flags)',
)
const linkat = libc.func('int linkat(int fromDirectory, const void *from, int toDirectory, const void *to, int flags)')
const fcntl = libc.func('int fcntl(int fd, int command, ...)')
const copyFileRange = libc.func(
  'int64_t copy_file_range(int from, int64_t *fromOffset, int to, int64_t *toOffset, size_t length, unsigned int flags)',
)
const syncfs = libc.func('int syncfs(int fd)')
const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)')

const AT_FDCWD = -100
const AT_SYMLINK_FOLLOW = 0x400
const S_IFIFO = 0o010000
/** Linux, asm-generic/fcntl.h. */
export const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY
const XATTR_BYTES_MAX = 65536
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_ANONYMOUS = 0x20
const MAP_FAILED = 2n ** 64n - 1n
const MS_SYNC = 4
const F_GETLK = 5
const F_SETLK = 6
const LOCK_TYPES = { read: 0, write: 1, none: 2 } as const
const SEEK_HOLE = 4
/** EXT4_IOC_SHUTDOWN and its "do not write the log" (Linux, fs/ext4/ext4.h); what xfstests calls godown. */
const EXT4_IOC_SHUTDOWN = 0x8004587d
const EXT4_GOING_FLAGS_NOLOGFLUSH = 2

export type PathLike = string | Buffer

export function setXattr(path: PathLike, name: string, value: Buffer): void {
  check('lsetxattr', lsetxattr(terminated(path), name, value, value.length, 0))
}

export function getXattr(path: PathLike, name: string): Buffer {
  const value = Buffer.alloc(XATTR_BYTES_MAX)
  return value.subarray(0, check('lgetxattr', Number(lgetxattr(terminated(path), name, value, value.length))))
}

export function listXattrs(path: PathLike): string[] {
  const list = Buffer.alloc(XATTR_BYTES_MAX)
  const bytes = check('llistxattr', Number(llistxattr(terminated(path), list, list.length)))
  return list.toString('utf8', 0, bytes).split('\0').slice(0, -1)
}

export function removeXattr(path: PathLike, name: string): void {
  check('lremovexattr', lremovexattr(terminated(path), name))
}

export function makeFifo(path: PathLike, mode = 0o600): void {
  check('mknod', mknod(terminated(path), S_IFIFO | mode, 0))
}

/** `whence`: 3 for data, 4 for a hole. */
export function seek(fd: number, offset: number, whence: number): number {
  return check('lseek', Number(lseek(fd, offset, whence)))
}

/** `mode` as fallocate(2) has it. */
export function fallocate(fd: number, mode: number, offset: number, length: number): void {
  check('fallocate', fallocateFd(fd, mode, offset, length))
}

/** Copies from the beginning of one file to that of another, as much as goes at once; how much that was. */
export function copyRange(from: number, to: number, length: number): number {
  const [fromOffset, toOffset] = [new BigInt64Array(1), new BigInt64Array(1)]
  return check('copy_file_range', Number(copyFileRange(from, fromOffset, to, toOffset, length, 0)))
}

/** Makes all of the file system durable that an open file is on. */
export function syncFilesystem(fd: number): void {
  check('syncfs', syncfs(fd))
}

/** `flags` as renameat2(2) has them. */
export function rename(from: PathLike, to: PathLike, flags: number): void {
  check('renameat2', renameat2(AT_FDCWD, terminated(from), AT_FDCWD, terminated(to), flags))
}

/** Gives an open file a name; what has lost its last one gets none. */
export function linkOpenFile(fd: number, path: PathLike): void {
  check('linkat', linkat(AT_FDCWD, terminated(`/proc/self/fd/${fd}`), AT_FDCWD, terminated(path), AT_SYMLINK_FOLLOW))
}

export interface RangeLock {
  type: keyof typeof LOCK_TYPES
  start: number
  /** 0: to the end, wherever that will be. */
  length: number
}

/** Takes a lock of this process on a part of a file, or gives it up, without waiting for it. */
export function lockRange(fd: number, lock: RangeLock): void {
  check('fcntl', fcntl(fd, F_SETLK, 'void *', structFlock(lock)))
}

/** The process whose lock stands in the way of this one; undefined if none does. */
export function lockHolder(fd: number, lock: RangeLock): number | undefined {
  const flock = structFlock(lock)
  check('fcntl', fcntl(fd, F_GETLK, 'void *', flock))
  return flock.readInt16LE(0) === LOCK_TYPES.none ? undefined : flock.readInt32LE(24)
}

/** struct flock of 64-bit Linux: type, whence, start, length, pid. */
function structFlock({ type, start, length }: RangeLock): Buffer {
  const flock = Buffer.alloc(32)
  flock.writeInt16LE(LOCK_TYPES[type], 0)
  flock.writeBigInt64LE(BigInt(start), 8)
  flock.writeBigInt64LE(BigInt(length), 16)
  return flock
}

/** Offset of the first hole at or after `offset`; the file's size if there is none. */
export function seekHole(fd: number, offset: number): number {
  return check('lseek', Number(lseek(fd, offset, SEEK_HOLE)))
}

/** Ends an ext4 file system as a loss of power would: what is not on its disk now never gets there. `fd`: its root. */
export function cutPower(fd: number): void {
  const flags = Buffer.alloc(4)
  flags.writeUInt32LE(EXT4_GOING_FLAGS_NOLOGFLUSH)
  check('ioctl', ioctl(fd, EXT4_IOC_SHUTDOWN, flags))
}

/** A file mapped shared, readable and writable, until it is disposed. */
export class Mapping {
  readonly bytes: Uint8Array
  readonly #address: unknown

  constructor(fd: number, length: number) {
    const address = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0)
    if (koffi.address(address) === MAP_FAILED) throw systemError('mmap')
    this.#address = address
    this.bytes = new Uint8Array(koffi.view(address, length))
  }

  /** Writes what was changed through to the file; resolved when durable. */
  sync(): void {
    check('msync', msync(this.#address, this.bytes.length, MS_SYNC))
  }

  [Symbol.dispose](): void {
    munmap(this.#address, this.bytes.length)
  }
}

/** Memory that begins with a page, as disks want it for direct input and output. It is there until the process ends. */
export function pageAligned(bytes: number): Buffer {
  const address = mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
  if (koffi.address(address) === MAP_FAILED) throw systemError('mmap')
  return Buffer.from(koffi.view(address, bytes))
}

function terminated(path: PathLike): Buffer {
  return Buffer.concat([Buffer.from(path as string), Buffer.from([0])])
}

function check(call: string, result: number): number {
  if (result < 0) throw systemError(call)
  return result
}

function systemError(call: string): NodeJS.ErrnoException {
  const errno = -koffi.errno()
  const [code, message] = getSystemErrorMap().get(errno) ?? [`errno ${-errno}`, 'unknown']
  return Object.assign(new Error(`${code}: ${message}, ${call}`), { code, errno, syscall: call })
}
