/**
 * What changed in a folder since its head was made: paths, whole trees of them, and files that are known by no name.
 * What is too much to remember is the whole folder.
 */
import type { ByteString, ObjectChange } from '../dfs.ts'
import { comparePaths, isAtOrBelow, parentPath } from '../format/head-path.ts'
import { type ObjectKey, objectKeyOf } from './head-links.ts'

const PATHS_MAX = 200_000

export interface DirtyPlace {
  readonly path: ByteString
  /** With all below it. */
  readonly isTree: boolean
}

export class DirtyPaths {
  /** Whether all below it may have changed, too, by path. */
  #paths = new Map<ByteString, boolean>()
  #objects = new Set<ObjectKey>()

  get size(): number {
    return this.#paths.size + this.#objects.size
  }

  /** Whether the whole folder is to be looked at. */
  get isAll(): boolean {
    return this.#paths.get('') === true
  }

  get objects(): ReadonlySet<ObjectKey> {
    return this.#objects
  }

  add(change: ObjectChange): void {
    if ('ino' in change) this.#objects.add(objectKeyOf(change))
    else if (!this.isAll) this.#paths.set(change.path, change.isTree || this.#paths.get(change.path) === true)
    if (this.size > PATHS_MAX) this.addAll()
  }

  addAll(): void {
    this.#paths = new Map([['', true]])
    this.#objects = new Set()
  }

  /** Gives away what came first, at most so much of it. */
  take(count = Number.POSITIVE_INFINITY): DirtyPaths {
    const taken = new DirtyPaths()
    for (const [path, isTree] of this.#paths) {
      if (taken.size >= count) return taken
      taken.#paths.set(path, isTree)
      this.#paths.delete(path)
    }
    ;[taken.#objects, this.#objects] = [this.#objects, taken.#objects]
    return taken
  }

  /** Takes back what was given away. */
  putBack(taken: DirtyPaths): void {
    for (const [path, isTree] of taken.#paths) this.add({ path, isTree })
    for (const object of taken.#objects) this.#objects.add(object)
  }

  /** Whether a path is one of them, or in a tree of them. */
  covers(path: ByteString): boolean {
    if (this.#paths.has(path)) return true
    for (let at: ByteString | undefined = path; at !== undefined; at = parentPath(at)) {
      if (this.#paths.get(at) === true) return true
    }
    return false
  }

  /** In the order of their paths, none at or below the tree of another. */
  places(): DirtyPlace[] {
    return distinctPlaces([...this.#paths].map(([path, isTree]) => ({ path, isTree })))
  }
}

export function distinctPlaces(places: readonly DirtyPlace[]): DirtyPlace[] {
  const kept: DirtyPlace[] = []
  const sorted = places.toSorted((a, b) => comparePaths(a.path, b.path) || Number(b.isTree) - Number(a.isTree))
  for (const place of sorted) {
    const last = kept.at(-1)
    const isCovered =
      last !== undefined && (last.path === place.path || (last.isTree && isAtOrBelow(place.path, last.path)))
    if (!isCovered) kept.push(place)
  }
  return kept
}
