/**
 * In which order the bytes of a block are sent: its head, the bytes that somebody waits for, what lies behind them (for
 * whoever reads on), then the rest.
 */
import { BLOCK_HEADER_BYTES, decodeBlockHeader, headBytes } from '../../format/block.ts'
import { PIECE_BYTES_MAX } from '../../format/message.ts'

export interface Range {
  readonly from: number
  readonly to: number
}

/** The pieces of a block of which nothing was sent yet. `preferred` may lie partly or wholly outside. */
export function planPieces(block: Buffer, preferred: Range): Range[] {
  const rest = [{ from: 0, to: block.length }]
  if (preferred.from >= preferred.to) return inPieces(rest)
  const head = { from: 0, to: headBytesOf(block) }
  return preferPieces(preferPieces(rest, preferred), head)
}

/** The same bytes in another order: what of them is preferred first. */
export function preferPieces(pieces: readonly Range[], { from, to }: Range): Range[] {
  const wanted = pieces.map((piece) => ({ from: Math.max(piece.from, from), to: Math.min(piece.to, to) }))
  const behind = pieces.map((piece) => ({ from: Math.max(piece.from, to), to: piece.to }))
  const before = pieces.map((piece) => ({ from: piece.from, to: Math.min(piece.to, from) }))
  return inPieces([...wanted, ...behind, ...before].filter(isSome))
}

function inPieces(ranges: readonly Range[]): Range[] {
  return ranges.flatMap(({ from, to }) =>
    Array.from({ length: Math.ceil((to - from) / PIECE_BYTES_MAX) }, (_, i) => ({
      from: from + i * PIECE_BYTES_MAX,
      to: Math.min(to, from + (i + 1) * PIECE_BYTES_MAX),
    })),
  )
}

function isSome({ from, to }: Range): boolean {
  return from < to
}

/** Zero for bytes that are no block of ours. */
function headBytesOf(block: Buffer): number {
  try {
    return Math.min(block.length, headBytes(decodeBlockHeader(block.subarray(0, BLOCK_HEADER_BYTES)).frameCount))
  } catch {
    return 0
  }
}
