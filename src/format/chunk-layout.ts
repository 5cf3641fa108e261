/**
 * Where a file is cut into chunks. The length of a chunk depends on its offset alone, so that a file that
 * grew is cut as one that was copied, and equal content gives equal blocks.
 */
import assert from 'node:assert/strict'

const KIB = 1024
const MIB = 1024 * KIB

/** Plaintext bytes of a frame; the last frame of a chunk may hold fewer. */
export const FRAME_BYTES = 64 * KIB

/** Plaintext bytes of the longest chunk. */
export const CHUNK_BYTES_MAX = MIB

interface Zone {
  readonly start: number
  readonly firstIndex: number
  readonly chunkBytes: number
}

/** Zones from the last to the first, for a search from above. */
const ZONES: readonly Zone[] = [
  { start: 128 * MIB, firstIndex: 608, chunkBytes: MIB },
  { start: 8 * MIB, firstIndex: 128, chunkBytes: 256 * KIB },
  { start: 0, firstIndex: 0, chunkBytes: 64 * KIB },
]

/** Index of the chunk that holds the byte at `offset` (0 <= offset < 2^53). */
export function chunkIndexAt(offset: number): number {
  assert(Number.isSafeInteger(offset) && offset >= 0, 'an offset is a whole number of bytes')
  const zone = ZONES.find(({ start }) => offset >= start)!
  return zone.firstIndex + Math.floor((offset - zone.start) / zone.chunkBytes)
}

/** Offset of the first byte of a chunk. */
export function chunkStart(index: number): number {
  const zone = zoneOfIndex(index)
  return zone.start + (index - zone.firstIndex) * zone.chunkBytes
}

/** Length of a full chunk; the last chunk of a file may be shorter. */
export function chunkBytes(index: number): number {
  return zoneOfIndex(index).chunkBytes
}

/** How many chunks a file of `size` bytes has; none for the empty file. */
export function chunkCount(size: number): number {
  return size === 0 ? 0 : chunkIndexAt(size - 1) + 1
}

function zoneOfIndex(index: number): Zone {
  assert(Number.isSafeInteger(index) && index >= 0, 'a chunk index is a whole number')
  return ZONES.find(({ firstIndex }) => index >= firstIndex)!
}
