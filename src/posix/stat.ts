/**
 * statx(2) into one reused buffer: size, times to the nanosecond and time of birth of an object, links not followed.
 *
 * Layout: `struct statx` of linux/stat.h, the same on all architectures.
 */
import type { ByteString } from '../dfs.ts'
import { ERRNO } from './errno.ts'
import { AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, cString, errno, lastError, libc } from './libc.ts'

export interface Stat {
  /** Device numbers as Linux's new_encode_dev packs them. */
  readonly dev: number
  readonly ino: number
  /** With the type bits, see MODE. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly size: number
  /** In units of 512 bytes. */
  readonly blocks: number
  readonly blksize: number
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  /** Time of birth; 0n where the file system keeps none. */
  readonly btimeNs: bigint
}

/** The bits of `mode`. */
export const MODE = {
  FORMAT: 0o170000,
  SOCKET: 0o140000,
  SYMLINK: 0o120000,
  REGULAR: 0o100000,
  BLOCK: 0o060000,
  DIRECTORY: 0o040000,
  CHARACTER: 0o020000,
  FIFO: 0o010000,
  PERMISSIONS: 0o7777,
  /** Those of owner, group and others. */
  ACCESS: 0o777,
} as const

const STATX_BASIC_STATS_AND_BTIME = 0xfff
const NANOSECONDS = 1_000_000_000n

const scratch = Buffer.allocUnsafeSlow(256)
const u32 = new Uint32Array(scratch.buffer)
const i64 = new BigInt64Array(scratch.buffer)

/** Undefined where there is no such object, or a directory on the way is none. */
export function statAt(dirFd: number, name: ByteString): Stat | undefined {
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT
  if (libc.statx(dirFd, cString(name), flags, STATX_BASIC_STATS_AND_BTIME, scratch) === 0) return decode()
  const reason = errno()
  if (reason === ERRNO.ENOENT || reason === ERRNO.ENOTDIR) return undefined
  throw lastError('statx', name)
}

/** Of an open descriptor, O_PATH ones too. */
export function statFd(fd: number): Stat {
  if (libc.statx(fd, cString(''), AT_EMPTY_PATH, STATX_BASIC_STATS_AND_BTIME, scratch) === 0) return decode()
  throw lastError('statx')
}

/**
 * An inode number as a safe integer. Below 2^53 it is the number itself. Numbers above (overlayfs marks its layers in
 * the highest bits) have those bits folded in rather than rounded, since rounding would make neighbours one.
 */
export function inodeNumber(low: number, high: number): number {
  return low + ((high & 0x1fffff) ^ (high >>> 21)) * 0x1_0000_0000
}

function decode(): Stat {
  return {
    dev: device(34),
    ino: inodeNumber(word(8), word(9)),
    mode: word(7) & 0xffff,
    nlink: word(4),
    uid: word(5),
    gid: word(6),
    rdev: device(32),
    size: word(10) + word(11) * 0x1_0000_0000,
    blocks: word(12) + word(13) * 0x1_0000_0000,
    blksize: word(1),
    atimeNs: time(8),
    mtimeNs: time(14),
    ctimeNs: time(12),
    btimeNs: time(10),
  }
}

function word(index: number): number {
  return u32[index] as number
}

/** A `struct statx_timestamp`: seconds at i64 index `at`, then nanoseconds in 32 bits. */
function time(at: number): bigint {
  return (i64[at] as bigint) * NANOSECONDS + BigInt(word(at * 2 + 2))
}

/** Major at index `at`, minor after it; minor's low byte, then major, then the rest of minor. */
function device(at: number): number {
  const major = word(at)
  const minor = word(at + 1)
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}
