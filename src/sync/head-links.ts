/**
 * Objects with several names: all names of one carry the same, and a group that is named by the first of them.
 */
import type { ByteString } from '../dfs.ts'
import { type HeadEntry, LINK_GROUP_BYTES } from '../format/head-entry.ts'
import { comparePaths, isAtOrBelow } from '../format/head-path.ts'
import type { Stat } from '../posix/stat.ts'
import { digestOf } from '../seal/hash.ts'

/** Tells objects of the disk below apart, as long as they are there. */
export type ObjectKey = string

export function objectKeyOf({ ino, btimeNs }: Pick<Stat, 'ino' | 'btimeNs'>): ObjectKey {
  return `${ino}.${btimeNs}`
}

/** The names in a folder of those objects that have several. */
export class LinkNames {
  readonly #names = new Map<ObjectKey, Set<ByteString>>()
  readonly #objects = new Map<ByteString, ObjectKey>()

  add(path: ByteString, object: ObjectKey): void {
    if (this.#objects.get(path) === object) return
    this.remove(path)
    this.#objects.set(path, object)
    const names = this.#names.get(object) ?? new Set()
    this.#names.set(object, names.add(path))
  }

  /** The object whose name this was, if it was one's. */
  remove(path: ByteString): ObjectKey[] {
    const object = this.#objects.get(path)
    if (object === undefined) return []
    this.#objects.delete(path)
    const names = this.#names.get(object)!
    names.delete(path)
    if (names.size === 0) this.#names.delete(object)
    return [object]
  }

  /** Removes a name and all below it; the objects whose names they were. */
  removeBelow(path: ByteString): ObjectKey[] {
    const below = [...this.#objects.keys()].filter((name) => isAtOrBelow(name, path))
    return below.flatMap((name) => this.remove(name))
  }

  namesOf(object: ObjectKey): readonly ByteString[] {
    return [...(this.#names.get(object) ?? [])]
  }
}

interface Group {
  readonly entry: HeadEntry
  /** Names that are still to come, if they are all in the folder. */
  left: number
}

/** For one walk: what its first name said is what all names of an object say, whatever changes meanwhile. */
export class LinkGroups {
  readonly #names: LinkNames
  /** Those of which names are still to come. */
  readonly #groups = new Map<ObjectKey, Group>()

  /** `names`: those that are known; the ones that are met come to be known. */
  constructor(names: LinkNames) {
    this.#names = names
  }

  /** What a name of an object carries; `read` gives the object's entry, undefined if it carries nothing. */
  entryOf(stat: Stat, path: ByteString, read: () => HeadEntry | undefined): HeadEntry | undefined {
    if (stat.nlink < 2) return read()
    const key = objectKeyOf(stat)
    const known = this.#groups.get(key)
    if (known !== undefined) {
      this.#names.add(path, key)
      known.left--
      if (known.left === 0) this.#groups.delete(key)
      return { ...known.entry, path }
    }
    const own = read()
    if (own === undefined) return undefined
    this.#names.add(path, key)
    const entry = { ...own, linkGroup: linkGroupOf(this.#firstOf(key)) }
    this.#groups.set(key, { entry, left: stat.nlink - 1 })
    return entry
  }

  #firstOf(object: ObjectKey): ByteString {
    return this.#names.namesOf(object).reduce((first, name) => (comparePaths(name, first) < 0 ? name : first))
  }
}

/** The group of an object whose first name in the folder this is. */
export function linkGroupOf(path: ByteString): Buffer {
  return digestOf(Buffer.from(path, 'latin1')).subarray(0, LINK_GROUP_BYTES)
}
