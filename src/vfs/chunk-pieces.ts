/** A range of a file, cut where its chunks begin. */
import { chunkBytes, chunkIndexAt, chunkStart } from '../format/chunk-layout.ts'

export interface Piece {
  index: number
  /** Where in the chunk. */
  at: number
  /** Which part of the caller's buffer. */
  from: number
  to: number
}

/** The pieces of a range, chunk by chunk. */
export function pieces(offset: number, length: number): Piece[] {
  const found: Piece[] = []
  let from = 0
  while (from < length) {
    const index = chunkIndexAt(offset + from)
    const at = offset + from - chunkStart(index)
    const to = Math.min(length, from + chunkBytes(index) - at)
    found.push({ index, at, from, to })
    from = to
  }
  return found
}
