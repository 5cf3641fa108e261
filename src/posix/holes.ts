/** Holes in files: making them and finding them. */
import { check, libc } from './libc.ts'

/** Modes of fallocate(2). */
export const FALLOCATE = { KEEP_SIZE: 1, PUNCH_HOLE: 2, ZERO_RANGE: 16 } as const

const SEEK_DATA = 3
const SEEK_HOLE = 4

export function allocateFd(fd: number, mode: number, offset: number, length: number): void {
  check(libc.fallocate(fd, mode, offset, length), 'fallocate')
}

/** Where data or a hole begins at or behind an offset; moves the descriptor's own position. Fails with `past-end`. */
export function seekFd(fd: number, offset: number, what: 'data' | 'hole'): number {
  const found = libc.lseek(fd, offset, what === 'data' ? SEEK_DATA : SEEK_HOLE)
  check(found, 'lseek')
  return found
}
