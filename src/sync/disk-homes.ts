/**
 * Where an object on the disk comes from: whether it was moved or copied from somewhere, whether it stands in another's
 * place, and whether something is not as it was known to be only because it was half brought to the disk by us (a crash,
 * in between) and was not touched by anybody.
 */
import type { ByteString } from '../dfs.ts'
import { comparePaths } from '../format/head-path.ts'
import type { Place } from '../format/sync-entry.ts'
import type { DiskObject, SyncDisk } from './disk.ts'
import { isAlive, isSameContent } from './entry-merge.ts'
import { isSameObject, pathsOf, shownAt } from './find-shown.ts'
import { isEqualState, isUnmarked, stateOf } from './object-state.ts'
import type { Shown, ShownTree } from './shown-tree.ts'
import type { SyncIndex } from './sync-index.ts'

export interface DiskHomesOptions {
  readonly disk: SyncDisk
  readonly index: SyncIndex
  readonly before: ShownTree
  readonly after: ShownTree
}

/** An object at a path where it is not known to be. */
export interface Came {
  readonly path: ByteString
  readonly object: DiskObject
}

export interface Home {
  readonly path: ByteString
  readonly place: Place
  /** It is there still: this is one more name. */
  readonly isThere: boolean
}

export class DiskHomes {
  readonly #disk: SyncDisk
  readonly #index: SyncIndex
  /** What the disk is known to show. */
  readonly #before: ShownTree
  /** What it is to show. */
  readonly #after: ShownTree
  /** Whether something may be our own half-done doing; else a person did all that there is. */
  expectsOwn = true

  constructor({ disk, index, before, after }: DiskHomesOptions) {
    this.#disk = disk
    this.#index = index
    this.#before = before
    this.#after = after
  }

  /** Where the object that came was, or is, by another of its names; undefined if it is new. */
  async homeOf({ object, path }: Came): Promise<Home | undefined> {
    const entry = object.id === undefined ? undefined : await this.#index.onDisk.get(object.id)
    if (entry === undefined || entry.kind !== object.kind || (!isAlive(entry) && entry.kind !== 'directory'))
      return undefined
    const left: Pick<Home, 'path' | 'place'>[] = []
    let there: ByteString | undefined
    for (const { path: home, shown } of await pathsOf(this.#before, entry)) {
      if (home === path) continue
      const { place } = shown.objects.find((one) => one.entry.id === entry.id)!
      if (this.#isCopyOf(object, home)) return undefined
      const found = this.#disk.look(home)
      if (found !== undefined && typeof found === 'object' && found.identity === object.identity) there = home
      else left.push({ path: home, place })
    }
    if (left.length > 0) return { ...left[0]!, isThere: false }
    const place = entry.placement.value.places[0]!
    return there !== undefined && object.kind !== 'directory' ? { path: there, place, isThere: true } : undefined
  }

  /** Whether another object than the one that is shown stands at its place: then this one came from elsewhere. */
  async isOther(object: DiskObject, shown: Shown, path: ByteString): Promise<boolean> {
    if (object.kind !== shown.objects[0].entry.kind) return true
    // What a symbolic link says cannot be changed: one that says something else is another one.
    if (object.kind === 'symlink' && !isSameContent(object.content, stateOf(shown).content)) return true
    if (await this.#isNoLongerLinked(object, shown, path)) return true
    if (object.id === undefined || shown.objects.some(({ entry }) => entry.id === object.id)) return false
    const known = await this.#index.onDisk.get(object.id)
    if (known === undefined || !isAlive(known) || known.kind !== object.kind) return false
    const homes = (await pathsOf(this.#before, known)).filter((home) => home.path !== path)
    return homes.length > 0 && !homes.some((home) => this.#isCopyOf(object, home.path))
  }

  /** Whether a path is as it is to be, and nobody but us has made it so. */
  async isOurDoing(path: ByteString, object: DiskObject | undefined): Promise<boolean> {
    if (!this.expectsOwn || this.#index.behind.size === 0) return false
    const wanted = await shownAt(this.#after, path)
    const known = await shownAt(this.#before, path)
    if (isSameShown(wanted, known)) return false
    if (object === undefined) return wanted === undefined && known !== undefined && (await this.#isTakenAway(known))
    if (wanted === undefined || object.kind !== wanted.objects[0].entry.kind) return false
    if (known !== undefined && !isSameObject(known, wanted) && !(await this.#isTakenAway(known))) return false
    if (object.kind === 'directory') return true
    // A person may have made one alike, of which others do not know.
    if (isUnmarked(object, wanted)) return false
    return (await this.#isStateOf(object, wanted)) && !(await this.#isLinkOf(object, wanted))
  }

  /** Whether an object that is not where it was is where it is to be, or is to be nowhere. */
  async #isTakenAway({ objects }: Shown): Promise<boolean> {
    const { entry } = objects[0]
    const homes = await pathsOf(this.#after, await this.#index.get(entry.id))
    if (homes.length === 0) return true
    for (const { path, shown } of homes) if (await this.#isAsWanted(path, shown)) return true
    return false
  }

  async #isAsWanted(path: ByteString, shown: Shown): Promise<boolean> {
    const found = this.#disk.look(path)
    if (typeof found !== 'object' || found.kind !== shown.objects[0].entry.kind) return false
    if (found.kind !== 'directory') return this.#isStateOf(found, shown)
    return found.id === undefined || shown.objects.some(({ entry }) => entry.id === found.id)
  }

  /** Whether it has the content that is wanted, or that it is known to have had before it was moved there. */
  async #isStateOf({ content }: DiskObject, wanted: Shown): Promise<boolean> {
    if (isSameContent(content, stateOf(wanted).content)) return true
    const known = (await this.#index.onDisk.get(wanted.objects[0].entry.id))?.content.value
    return known !== undefined && isSameContent(content, known)
  }

  /** Whether a person has given it one more name: it stands where it was, and is not to. */
  async #isLinkOf({ id, identity }: DiskObject, wanted: Shown): Promise<boolean> {
    if (id === undefined) return false
    for (const { path, shown } of await pathsOf(this.#before, await this.#index.onDisk.get(id))) {
      const found = this.#disk.look(path)
      if (typeof found !== 'object' || found.identity !== identity) continue
      const wantedThere = await shownAt(this.#after, path)
      if (!isSameObject(shown, wanted) || wantedThere === undefined || !isSameObject(shown, wantedThere)) return true
    }
    return false
  }

  /** Whether two names of one object are of two by now; what carries its id keeps it, of several the first. */
  async #isNoLongerLinked(object: DiskObject, { objects: [{ entry }] }: Shown, path: ByteString): Promise<boolean> {
    if (entry.kind === 'directory' || entry.placement.value.places.length === 1) return false
    for (const home of await pathsOf(this.#before, entry)) {
      const found = this.#disk.look(home.path)
      if (typeof found !== 'object' || found.kind !== entry.kind || found.identity === object.identity) continue
      const [has, otherHas] = [object.id === entry.id, found.id === entry.id]
      if (has === otherHas ? comparePaths(home.path, path) < 0 : otherHas) return true
    }
    return false
  }

  /** Whether another object at that path carries the same id: one of them was copied from the other. */
  #isCopyOf({ id, identity }: DiskObject, path: ByteString): boolean {
    const found = this.#disk.look(path)
    return found !== undefined && typeof found === 'object' && found.id === id && found.identity !== identity
  }

  /** Whether it is what the index has heard of, half of our doing. */
  async isWanted(path: ByteString, object: DiskObject, known: Shown): Promise<boolean> {
    if (!this.expectsOwn || this.#index.behind.size === 0) return false
    const wanted = await shownAt(this.#after, path)
    if (wanted === undefined || !isEqualState(object, stateOf(wanted), this.#disk)) return false
    return isSameObject(known, wanted) || (await this.#isTakenAway(known))
  }
}

function isSameShown(a: Shown | undefined, b: Shown | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  const [one, other] = [a.objects[0].entry, b.objects[0].entry]
  return one.id === other.id && isEqualVersion(one.content.dot, other.content.dot)
}

function isEqualVersion(a: { writer: string; counter: number }, b: { writer: string; counter: number }): boolean {
  return a.writer === b.writer && a.counter === b.counter
}
