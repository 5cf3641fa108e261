/**
 * Where a block file stands below the store's directory: `xx/CID`, xx = the first byte of the digest in hex
 * (the texts of all CIDs begin alike). Files being written stand in `tmp/`.
 */
import path from 'node:path'
import type { Cid } from '../dfs.ts'
import { digestOfCid } from '../format/cid.ts'
import { type Files, syncDirectory } from './files.ts'

export const TEMPORARY_DIRECTORY = 'tmp'

/** A file found in the store's directories. */
export interface StoredFile {
  /** Its place below the store's directory, `xx/NAME`. */
  readonly place: string
  /** The block that its name says; undefined for a foreign file. */
  readonly cid: Cid | undefined
  readonly bytes: number
  /** When it was last opened here, or came, by the wall clock in ms; an hour may be missing. Good for an order, and for nothing else. */
  readonly usedMs: number
}

/** The 256 directories of a store, `00` to `ff`. */
export const SHARDS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Path of a block's file below the store's directory. */
export function placeOf(cid: Cid): string {
  return `${SHARDS[digestOfCid(cid)[0]!]}/${cid}`
}

/** Makes what is missing of the store's directories, durably, and empties `tmp/`. */
export async function makeDirectories(dir: string, files: Files): Promise<void> {
  files.makeDirectorySync(dir)
  const there = new Set(files.readDirectorySync(dir))
  const missing = [...SHARDS, TEMPORARY_DIRECTORY].filter((name) => !there.has(name))
  for (const name of missing) files.makeDirectorySync(path.join(dir, name))
  if (missing.length > 0) for (const directory of [dir, path.dirname(dir)]) await syncDirectory(directory, files)
  const temporary = path.join(dir, TEMPORARY_DIRECTORY)
  for (const name of files.readDirectorySync(temporary)) files.unlinkSync(path.join(temporary, name))
}
