/** Byte strings that come in pieces of any length, in pieces of one. */

export function lengthOfAll(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}

/** The same bytes, `pieceBytes` at a time and at last what is left, all in one memory: each piece is good until the next. */
export function* gather(pieces: Iterable<Buffer>, pieceBytes: number): Generator<Buffer> {
  const gathered = Buffer.allocUnsafe(pieceBytes)
  let end = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const copied = piece.copy(gathered, end, at)
      at += copied
      end += copied
      if (end < gathered.length) continue
      yield gathered
      end = 0
    }
  }
  if (end > 0) yield gathered.subarray(0, end)
}
