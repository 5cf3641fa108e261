/**
 * How full a file system is: fstatvfs(3).
 *
 * Layout: `struct statvfs` of 64-bit glibc and musl, eleven 64-bit words.
 */
import { check, libc } from './libc.ts'

export interface FilesystemStat {
  /** The unit of the three counts of blocks. */
  readonly blockBytes: number
  readonly blocks: number
  readonly blocksFree: number
  /** Free for those who are not root. */
  readonly blocksAvailable: number
  readonly files: number
  readonly filesFree: number
  readonly nameBytesMax: number
  readonly readOnly: boolean
}

const ST_RDONLY = 1
const WORDS = 16 // eleven, and room for what a C library keeps in reserve

/** Of the file system that `fd` is on. */
export function statFilesystem(fd: number): FilesystemStat {
  const bytes = Buffer.allocUnsafeSlow(WORDS * 8)
  check(libc.fstatvfs(fd, bytes), 'fstatvfs')
  const word = (index: number): number => Number(bytes.readBigUInt64LE(index * 8))
  return {
    blockBytes: word(1),
    blocks: word(2),
    blocksFree: word(3),
    blocksAvailable: word(4),
    files: word(5),
    filesFree: word(6),
    nameBytesMax: word(10),
    readOnly: (word(9) & ST_RDONLY) !== 0,
  }
}

/** What a user who is not root may still write. */
export function availableBytes(fd: number): number {
  const { blocksAvailable, blockBytes } = statFilesystem(fd)
  return blocksAvailable * blockBytes
}
