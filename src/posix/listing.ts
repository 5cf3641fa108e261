/**
 * Directory listings by getdents64(2): names as bytes, a batch per system call.
 *
 * A listing keeps its own place (the last entry's cookie), so several may run on one descriptor at once.
 * Layout: `struct linux_dirent64`: ino u64, off s64, reclen u16, type u8, name and NUL, padded to 8 bytes.
 */
import type { ByteString } from '../dfs.ts'
import { ERRNO } from './errno.ts'
import { check, errno, lastError, libc } from './libc.ts'
import { inodeNumber } from './stat.ts'

export type EntryType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block' | 'unknown'

export interface DirectoryEntry {
  readonly name: ByteString
  readonly ino: number
  /** `unknown` where the file system does not tell: ask statAt. */
  readonly type: EntryType
}

const BATCH_BYTES_MAX = 65536
const NAME_OFFSET = 19

const scratch = Buffer.allocUnsafeSlow(BATCH_BYTES_MAX)
const u32 = new Uint32Array(scratch.buffer)
const i64 = new BigInt64Array(scratch.buffer)

/** All entries but `.` and `..`, from the start whatever was read before. `fd` is a directory, not opened O_PATH. */
export function readDirectory(fd: number): DirectoryEntry[] {
  const all: DirectoryEntry[] = []
  let place: bigint | undefined = 0n
  while (place !== undefined) place = readBatch(fd, place, BATCH_BYTES_MAX, all)
  return all
}

/** The same one batch at a time; `bufferBytes` (at least 280, at most 65536) says how large batches are. */
export function* iterateDirectory(fd: number, bufferBytes = BATCH_BYTES_MAX): Generator<DirectoryEntry[]> {
  let place: bigint | undefined = 0n
  while (place !== undefined) {
    const batch: DirectoryEntry[] = []
    place = readBatch(fd, place, Math.min(bufferBytes, BATCH_BYTES_MAX), batch)
    if (batch.length > 0) yield batch
  }
}

/** Adds the entries after `place`; returns the place to go on from, undefined at the end. */
function readBatch(fd: number, place: bigint, bytesMax: number, into: DirectoryEntry[]): bigint | undefined {
  check(libc.lseek(fd, place, 0), 'lseek')
  const bytes = libc.getdents64(fd, scratch, bytesMax)
  // The kernel says ENOENT of a directory that was removed while it is open: it has no entries.
  if (bytes === 0 || (bytes < 0 && errno() === ERRNO.ENOENT)) return undefined
  if (bytes < 0) throw lastError('getdents64')
  let last = 0
  for (let at = 0; at < bytes; at += recordBytes(at)) {
    last = at
    const name = nameAt(at)
    if (name === '.' || name === '..') continue
    const word = at / 4
    into.push({
      name,
      ino: inodeNumber(u32[word] as number, u32[word + 1] as number),
      type: entryType(scratch[at + 18] as number),
    })
  }
  return i64[last / 8 + 1]
}

function recordBytes(at: number): number {
  return scratch.readUInt16LE(at + 16)
}

function nameAt(at: number): ByteString {
  const start = at + NAME_OFFSET
  // The NUL is within the last 8 bytes, which padding shares with it.
  let end = Math.max(start, at + recordBytes(at) - 8)
  while (scratch[end] !== 0) end++
  return scratch.toString('latin1', start, end)
}

/** The DT_ numbers of dirent.h. */
function entryType(number: number): EntryType {
  switch (number) {
    case 1:
      return 'fifo'
    case 2:
      return 'char'
    case 4:
      return 'directory'
    case 6:
      return 'block'
    case 8:
      return 'file'
    case 10:
      return 'symlink'
    case 12:
      return 'socket'
    default:
      return 'unknown'
  }
}
