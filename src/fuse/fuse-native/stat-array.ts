/**
 * The arrays of 32-bit numbers in which the binding takes `struct stat` and `struct statvfs`
 * (fuse-native.c, populate_stat and populate_statvfs). Times are whole milliseconds.
 */
import type { Attributes, DirectoryEntry, EntryType, FilesystemStatistics } from '../../vfs/operations.ts'

const STAT_LENGTH = 18
const STATFS_LENGTH = 11
const TWO_32 = 2 ** 32
const IO_BYTES_PREFERRED = 128 * 1024

/** What goes with a failure: the binding reads the array whatever the result is. */
export const NO_STAT = new Uint32Array(STAT_LENGTH)
export const NO_STATFS = new Uint32Array(STATFS_LENGTH)

export function statArray(attributes: Attributes): Uint32Array {
  const stat = new Uint32Array(STAT_LENGTH)
  stat[0] = attributes.mode
  stat[1] = attributes.uid
  stat[2] = attributes.gid
  putU64(stat, 3, attributes.size)
  stat[6] = attributes.nlink
  stat[7] = foldInode(attributes.statIno)
  stat[8] = attributes.rdev
  stat[9] = IO_BYTES_PREFERRED
  putU64(stat, 10, attributes.blocks)
  putMilliseconds(stat, 12, attributes.atimeNs)
  putMilliseconds(stat, 14, attributes.mtimeNs)
  putMilliseconds(stat, 16, attributes.ctimeNs)
  return stat
}

/** Arrays for a whole directory, in one piece of memory: type and inode number are all that readdir passes on. */
export function entryStats(entries: readonly DirectoryEntry[]): Uint32Array[] {
  const memory = new Uint32Array(entries.length * STAT_LENGTH)
  return entries.map(({ ino, type }, index) => {
    const stat = memory.subarray(index * STAT_LENGTH, (index + 1) * STAT_LENGTH)
    stat[0] = MODE_OF_TYPE[type]
    stat[7] = foldInode(ino)
    return stat
  })
}

const MODE_OF_TYPE: Readonly<Record<EntryType, number>> = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
  unknown: 0,
}

/** Counts beyond 32 bits are kept in range by larger blocks: 2^32 blocks of 4 KiB would end at 16 TiB. */
export function statfsArray(statistics: FilesystemStatistics): Uint32Array {
  let scale = 1
  while (statistics.blocks / scale >= TWO_32) scale *= 2
  const statfs = new Uint32Array(STATFS_LENGTH)
  const blockBytes = statistics.blockBytes * scale
  statfs[0] = blockBytes
  statfs[1] = blockBytes
  statfs[2] = Math.floor(statistics.blocks / scale)
  statfs[3] = Math.floor(statistics.blocksFree / scale)
  statfs[4] = Math.floor(statistics.blocksAvailable / scale)
  statfs[5] = Math.min(statistics.files, TWO_32 - 1)
  statfs[6] = Math.min(statistics.filesFree, TWO_32 - 1)
  statfs[7] = statfs[6]!
  statfs[10] = statistics.nameBytesMax
  return statfs
}

/** st_ino has 32 bits on its way: larger numbers are folded, so that two of them may, rarely, come out equal. */
function foldInode(ino: number): number {
  return ino < TWO_32 ? ino : ((ino % TWO_32) ^ Math.imul(Math.floor(ino / TWO_32), 0x9e3779b1)) >>> 0
}

function putU64(array: Uint32Array, index: number, value: number): void {
  array[index] = value % TWO_32
  array[index + 1] = Math.floor(value / TWO_32)
}

/** Milliseconds are unsigned on the way back: times before 1970 show as 1970. */
function putMilliseconds(array: Uint32Array, index: number, ns: bigint): void {
  const ms = Number(ns / 1_000_000n)
  if (ms > 0) putU64(array, index, ms)
}
