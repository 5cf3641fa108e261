/** A range of a file, cut where chunks end. */
import { chunkBytes, chunkIndexAt, chunkStart } from '../format/chunk-layout.ts'

export interface ChunkPiece {
  readonly index: number
  /** Where in the chunk. */
  readonly at: number
  /** Which part of the range. */
  readonly from: number
  readonly to: number
}

/** The pieces of a range, chunk by chunk; none of one that is not longer than nothing. */
export function chunkPieces(offset: number, length: number): ChunkPiece[] {
  const found: ChunkPiece[] = []
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
