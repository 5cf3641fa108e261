/**
 * Objects with several names, while a folder is walked: all names of one carry the same, whatever changes meanwhile, and a
 * group that is named by the first of them.
 */
import type { ByteString } from '../dfs.ts'
import { type HeadEntry, LINK_GROUP_BYTES } from '../format/head-entry.ts'
import type { Stat } from '../posix/stat.ts'
import { digestOf } from '../seal/hash.ts'

interface Group {
  readonly entry: HeadEntry
  /** Names that are still to come, if they are all in the folder. */
  left: number
}

export class LinkGroups {
  /** By device and inode; those of which names are still to come. */
  readonly #groups = new Map<string, Group>()

  /** What a name of an object carries; `read` gives the object's entry, undefined if it carries nothing. */
  entryOf(stat: Stat, path: ByteString, read: () => HeadEntry | undefined): HeadEntry | undefined {
    if (stat.nlink < 2) return read()
    const key = `${stat.dev}:${stat.ino}`
    const known = this.#groups.get(key)
    if (known !== undefined) {
      known.left--
      if (known.left === 0) this.#groups.delete(key)
      return { ...known.entry, path }
    }
    const own = read()
    if (own === undefined) return undefined
    const entry = { ...own, linkGroup: linkGroupOf(path) }
    this.#groups.set(key, { entry, left: stat.nlink - 1 })
    return entry
  }
}

/** The group of an object whose first name in the folder this is. */
export function linkGroupOf(path: ByteString): Buffer {
  return digestOf(Buffer.from(path, 'latin1')).subarray(0, LINK_GROUP_BYTES)
}
