/**
 * The C library: every foreign function of dfs is bound here, and nowhere else; only posix/ imports this file.
 *
 * Byte strings go to C through two scratch buffers that every call of the thread reuses, so a pointer is good for
 * one synchronous call only. Linux on 64-bit little-endian machines (x64, arm64), glibc 2.30 or musl 1.2.5 and later.
 */
import koffi, { type KoffiFunc } from 'koffi'
import { textOf } from '../bytes/byte-string.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { ERRNO, posixError } from './errno.ts'

type Pointer = Buffer | null
type Call<A extends unknown[], R = number> = KoffiFunc<(...args: A) => R>

// The symbols node itself is linked against: whatever C library this machine has.
const library = koffi.load(null)

function bind<A extends unknown[], R = number>(result: string, name: string, ...parameters: string[]): Call<A, R> {
  return library.func(name, result, parameters) as unknown as Call<A, R>
}

function bindIfThere<A extends unknown[]>(result: string, name: string, ...parameters: string[]): Call<A> | undefined {
  try {
    return bind<A>(result, name, ...parameters)
  } catch {
    return undefined
  }
}

const AT = ['int', 'void *'] as const

/** Raw calls: negative on failure, with the reason in `errno()`. Buffers must stay alive and be long enough. */
export const libc = {
  openat: bind<[number, Pointer, number, number]>('int', 'openat', ...AT, 'int', 'uint32_t'),
  close: bind<[number]>('int', 'close', 'int'),
  statx: bind<[number, Pointer, number, number, Pointer]>('int', 'statx', ...AT, 'int', 'uint32_t', 'void *'),
  fstatvfs: bind<[number, Pointer]>('int', 'fstatvfs', 'int', 'void *'),
  getdents64: bind<[number, Pointer, number]>('int64_t', 'getdents64', 'int', 'void *', 'size_t'),
  lseek: bind<[number, number | bigint, number]>('int64_t', 'lseek', 'int', 'int64_t', 'int'),
  pread: bind<[number, Pointer, number, number]>('int64_t', 'pread', 'int', 'void *', 'size_t', 'int64_t'),
  pwrite: bind<[number, Pointer, number, number]>('int64_t', 'pwrite', 'int', 'void *', 'size_t', 'int64_t'),
  ftruncate: bind<[number, number]>('int', 'ftruncate', 'int', 'int64_t'),
  fallocate: bind<[number, number, number, number]>('int', 'fallocate', 'int', 'int', 'int64_t', 'int64_t'),
  posix_fadvise: bind<[number, number, number, number]>(
    ...(['int', 'posix_fadvise', 'int', 'int64_t', 'int64_t', 'int'] as const),
  ),
  syncfs: bind<[number]>('int', 'syncfs', 'int'),
  mkdirat: bind<[number, Pointer, number]>('int', 'mkdirat', ...AT, 'uint32_t'),
  mknodat: bind<[number, Pointer, number, number]>('int', 'mknodat', ...AT, 'uint32_t', 'uint64_t'),
  unlinkat: bind<[number, Pointer, number]>('int', 'unlinkat', ...AT, 'int'),
  renameat2: bind<[number, Pointer, number, Pointer, number]>('int', 'renameat2', ...AT, ...AT, 'uint32_t'),
  linkat: bind<[number, Pointer, number, Pointer, number]>('int', 'linkat', ...AT, ...AT, 'int'),
  symlinkat: bind<[Pointer, number, Pointer]>('int', 'symlinkat', 'void *', ...AT),
  readlinkat: bind<[number, Pointer, Pointer, number]>('int64_t', 'readlinkat', ...AT, 'void *', 'size_t'),
  fchmodat: bind<[number, Pointer, number, number]>('int', 'fchmodat', ...AT, 'uint32_t', 'int'),
  /** The number of the call first, for it is made by `syscall`. */
  fchmodat2: bind<[number, number, Pointer, number, number]>(
    ...(['long', 'syscall', 'long', ...AT, 'uint32_t', 'int'] as const),
  ),
  fchownat: bind<[number, Pointer, number, number, number]>('int', 'fchownat', ...AT, 'int32_t', 'int32_t', 'int'),
  utimensat: bind<[number, Pointer, Pointer, number]>('int', 'utimensat', ...AT, 'void *', 'int'),
  getxattr: bind<[Pointer, Pointer, Pointer, number]>('int64_t', 'getxattr', 'void *', 'void *', 'void *', 'size_t'),
  lgetxattr: bind<[Pointer, Pointer, Pointer, number]>('int64_t', 'lgetxattr', 'void *', 'void *', 'void *', 'size_t'),
  listxattr: bind<[Pointer, Pointer, number]>('int64_t', 'listxattr', 'void *', 'void *', 'size_t'),
  llistxattr: bind<[Pointer, Pointer, number]>('int64_t', 'llistxattr', 'void *', 'void *', 'size_t'),
  setxattr: bind<[Pointer, Pointer, Pointer, number, number]>(
    ...(['int', 'setxattr', 'void *', 'void *', 'void *', 'size_t', 'int'] as const),
  ),
  lsetxattr: bind<[Pointer, Pointer, Pointer, number, number]>(
    ...(['int', 'lsetxattr', 'void *', 'void *', 'void *', 'size_t', 'int'] as const),
  ),
  removexattr: bind<[Pointer, Pointer]>('int', 'removexattr', 'void *', 'void *'),
  lremovexattr: bind<[Pointer, Pointer]>('int', 'lremovexattr', 'void *', 'void *'),
  getrlimit: bind<[number, Pointer]>('int', 'getrlimit', 'int', 'void *'),
  setrlimit: bind<[number, Pointer]>('int', 'setrlimit', 'int', 'void *'),
  /** Only of glibc. */
  malloc_trim: bindIfThere<[number]>('int', 'malloc_trim', 'size_t'),
  flock: bind<[number, number]>('int', 'flock', 'int', 'int'),
  fcntl: bind<[number, number, 'int', number]>('int', 'fcntl', 'int', 'int', '...'),
  read: bind<[number, Pointer, number]>('int64_t', 'read', 'int', 'void *', 'size_t'),
  write: bind<[number, Pointer, number]>('int64_t', 'write', 'int', 'void *', 'size_t'),
  socketpair: bind<[number, number, number, Pointer]>('int', 'socketpair', 'int', 'int', 'int', 'void *'),
  recvmsg: bind<[number, Pointer, number]>('int64_t', 'recvmsg', 'int', 'void *', 'int'),
  socket: bind<[number, number, number]>('int', 'socket', 'int', 'int', 'int'),
  sendto: bind<[number, Pointer, number, number, Pointer, number]>(
    ...(['int64_t', 'sendto', 'int', 'void *', 'size_t', 'int', 'void *', 'uint32_t'] as const),
  ),
  mount: bind<[Pointer, Pointer, Pointer, number, Pointer]>(
    ...(['int', 'mount', 'void *', 'void *', 'void *', 'size_t', 'void *'] as const),
  ),
  umount2: bind<[Pointer, number]>('int', 'umount2', 'void *', 'int'),
}

/** Stands for the current directory where a directory's descriptor is asked for: for absolute paths. */
export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
export const AT_SYMLINK_FOLLOW = 0x400
export const AT_NO_AUTOMOUNT = 0x800
export const AT_EMPTY_PATH = 0x1000

/** With the NUL that ends it. */
export const PATH_BYTES_MAX = 4096

const scratch = Buffer.allocUnsafeSlow(PATH_BYTES_MAX)
const scratch2 = Buffer.allocUnsafeSlow(PATH_BYTES_MAX)
const NOT_A_NAME = /[\0\u0100-\uffff]/

/** `name` as a C string, valid until the next call of this function. Fails with `invalid`, `name-too-long`. */
export function cString(name: ByteString): Buffer {
  return write(name, scratch)
}

/** A second C string for calls that take two, valid until the next call of this function. */
export function cString2(name: ByteString): Buffer {
  return write(name, scratch2)
}

function write(name: ByteString, into: Buffer): Buffer {
  if (NOT_A_NAME.test(name)) {
    const why = name.includes('\0') ? 'a name cannot hold a NUL byte' : 'not a byte string'
    throw new DfsError('invalid', why, { subject: textOf(name) })
  }
  if (name.length >= PATH_BYTES_MAX) throw posixError('path', ERRNO.ENAMETOOLONG, textOf(name.slice(0, 64)))
  into[into.write(name, 0, 'latin1')] = 0
  return into
}

/** A path to an open descriptor, whatever its flags (O_PATH too) and whether or not it still has a name. */
export function pathOfFd(fd: number): ByteString {
  return `/proc/self/fd/${fd}`
}

/** Why the last call of this thread failed; ask before anything else is called. */
export function errno(): number {
  return koffi.errno()
}

/** The error for the last call of this thread, which failed. */
export function lastError(op: string, subject?: ByteString): DfsError {
  const reason = koffi.errno()
  return posixError(op, reason, subject === undefined ? undefined : textOf(subject))
}

/** Throws the error of a call that returned a negative result. */
export function check(result: number, op: string, subject?: ByteString): void {
  if (result < 0) throw lastError(op, subject)
}

/** Runs a call on a worker thread; resolves to its result, or rejects with its errno as a DfsError. */
export function callAsync<A extends unknown[]>(call: Call<A>, op: string, ...args: A): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown, result: number): void => {
      if (error) reject(error)
      // koffi brings the worker's errno along and sets it around this callback.
      else if (result < 0) reject(lastError(op))
      else resolve(result)
    }
    const start = call.async as unknown as (...all: [...A, typeof done]) => void
    start(...args, done)
  })
}
