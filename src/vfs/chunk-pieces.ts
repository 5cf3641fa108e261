/** Ranges of a file, cut where chunks meet. */
import { chunkBytes, chunkIndexAt, chunkStart } from '../format/chunk-layout.ts'

export interface Piece {
  /** Of the chunk. */
  readonly index: number
  /** Where in the chunk. */
  readonly at: number
  /** Which part of the caller's range. */
  readonly from: number
  readonly to: number
}

/** The pieces of a range, chunk by chunk; none of one that is not longer than nothing. */
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
