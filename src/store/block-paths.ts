/**
 * Where a block file stands below the store's directory: `xx/CID`, xx = the first byte of the digest in hex
 * (the texts of all CIDs begin alike). Files being written stand in `tmp/`.
 */
import type { Cid } from '../dfs.ts'
import { digestOfCid } from '../format/cid.ts'

export const TEMPORARY_DIRECTORY = 'tmp'

/** The 256 directories of a store, `00` to `ff`. */
export const SHARDS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Path of a block's file below the store's directory. */
export function placeOf(cid: Cid): string {
  return `${SHARDS[digestOfCid(cid)[0]!]}/${cid}`
}
