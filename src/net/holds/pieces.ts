/** Work on many blocks in pieces, so that none keeps the event loop for long, and several are under way at once. */
import { Limiter } from '../../concurrency/limiter.ts'

/** Blocks of one message that this device sends, and of one durable write. */
export const PIECE_BLOCKS = 256
const PIECES_AT_ONCE = 4

export function inPieces<T>(items: readonly T[], length = PIECE_BLOCKS): T[][] {
  const pieces: T[][] = []
  for (let at = 0; at < items.length; at += length) pieces.push(items.slice(at, at + length))
  return pieces
}

/** What `work` gives for each piece, joined. Fails as the first that fails; those that began go on. */
export async function forPieces<T, K, V>(
  items: readonly T[],
  work: (piece: readonly T[]) => Promise<Iterable<readonly [K, V]>>,
): Promise<Map<K, V>> {
  const limiter = new Limiter(PIECES_AT_ONCE)
  const results = await Promise.all(inPieces(items).map((piece) => limiter.run(() => work(piece))))
  return new Map(results.flatMap((result) => [...result]))
}
