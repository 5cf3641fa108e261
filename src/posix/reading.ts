/**
 * Reading large files in order, off this thread and without their holes.
 */
import { read } from 'node:fs'
import { ERRNO, fromNodeError } from './errno.ts'
import { errno, libc } from './libc.ts'

const SEEK_DATA = 3

/** Fills `into` from `position` on; resolves to how many bytes that were, fewer only at the end of the file. */
export async function readFully(fd: number, into: Buffer, position: number): Promise<number> {
  let filled = 0
  while (filled < into.length) {
    const bytes = await readSome(fd, into.subarray(filled), position + filled)
    if (bytes === 0) break
    filled += bytes
  }
  return filled
}

/**
 * Where data begins at or behind an offset; undefined if only a hole follows, or nothing. The offset itself where the
 * file system does not tell. Moves the descriptor's own position.
 */
export function nextData(fd: number, offset: number): number | undefined {
  const found = libc.lseek(fd, offset, SEEK_DATA)
  if (found >= 0) return found
  return errno() === ERRNO.ENXIO ? undefined : offset
}

function readSome(fd: number, into: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, bytes) => {
      if (error) reject(fromNodeError(error, 'read'))
      else resolve(bytes)
    })
  })
}
