/**
 * The folder that the entries of an index show: which objects have which names.
 *
 * It follows from the entries and nothing else, so that devices with equal entries have equal folders; nothing is written
 * to make it so. Entries can say what no folder can: that two objects have one name, that a directory is deleted and
 * something in it is not, that directories are in each other. Then
 * - directories with one path are one directory;
 * - a deleted directory is there while something in it is;
 * - a directory that is cut out of a circle is in the root, under the name of a conflict;
 * - of files with one name the one that came there last keeps it, but a directory before any; the others have names of
 *   conflicts. What is equal to one of them is not shown beside it.
 * What is in a directory that is not known yet is not shown yet.
 */
import type { ByteString } from '../dfs.ts'
import { RESERVED_NAME } from '../format/stored-name.ts'
import {
  type ObjectId,
  type Place,
  type Register,
  ROOT_ID,
  type SyncAttributes,
  type SyncEntry,
} from '../format/sync-entry.ts'
import { conflictName, type DeviceNames } from './conflict-name.ts'
import { compareOrigins, isAlive, isSameContent } from './entry-merge.ts'

export interface TreeSource {
  readonly loops: ReadonlySet<ObjectId>
  get(id: ObjectId): Promise<SyncEntry | undefined>
  /** As `SyncStore.readChildren`. */
  readChildren(parent: ObjectId, name?: ByteString): AsyncIterable<SyncEntry>
}

/** The ids of all directories that are one, ascending. */
export type Directory = readonly ObjectId[]

/** An object's entry, and the place by which it is shown here. */
export interface Placed {
  readonly entry: SyncEntry
  readonly place: Place
}

/** One name in a directory. */
export interface Shown {
  readonly directory: Directory
  readonly name: ByteString
  /** The name that those which share it asked for; another than `name` in a conflict. */
  readonly base: ByteString
  /** What is shown: of files the first, the others are equal to it; all directories that are one. */
  readonly objects: readonly [Placed, ...Placed[]]
}

export const ROOT: Directory = [ROOT_ID]

/** Of directories that are one, what was set last. */
export function shownAttributes(shown: Shown): SyncAttributes & { readonly mtimeNs: bigint } {
  const entries = shown.objects.map(({ entry }) => entry)
  const described = entries[0]!.kind === 'directory' ? entries : entries.slice(0, 1)
  const mtimeNs = lastSet(described.map(({ mtime }) => mtime))
  return { ...lastSet(described.map(({ attributes }) => attributes)), mtimeNs }
}

export class ShownTree {
  readonly #source: TreeSource
  readonly #deviceName: DeviceNames

  constructor(source: TreeSource, deviceName: DeviceNames) {
    this.#source = source
    this.#deviceName = deviceName
  }

  /** Everything in a directory, by name. */
  async list(directory: Directory): Promise<Map<ByteString, Shown>> {
    const byBase = Map.groupBy(await this.#childrenOf(directory), ({ place }) => place.name)
    const shown = new Map<ByteString, Shown>()
    for (const base of [...byBase.keys()].sort()) {
      for (const one of await this.#nameAll(directory, base, byBase.get(base)!)) shown.set(one.name, one)
    }
    return shown
  }

  /** What asks for this name in a directory, under the names it is shown by; what has the name itself comes first. */
  async namesake(directory: Directory, base: ByteString): Promise<Shown[]> {
    return this.#nameAll(directory, base, await this.#childrenOf(directory, base))
  }

  /** From the root, whose name is '', to the directory, both included. Undefined if it is not shown. */
  async wayTo(id: ObjectId): Promise<{ readonly directory: Directory; readonly name: ByteString }[] | undefined> {
    if (id === ROOT_ID) return [{ directory: ROOT, name: '' }]
    const entry = await this.#source.get(id)
    if (entry?.kind !== 'directory' || !(await this.#isPresent(entry))) return undefined
    const { parent, name } = this.#placeOf(entry)
    const way = await this.wayTo(parent)
    if (way === undefined) return undefined
    const namesakes = await this.#childrenOf(way.at(-1)!.directory, name)
    const ids = namesakes.filter(isDirectory).map((one) => one.entry.id)
    return [...way, { directory: ids.sort(), name }]
  }

  /** Where an object asks to be shown: a directory that is cut out of a circle in the root. */
  placesOf(entry: SyncEntry): readonly Place[] {
    return entry.kind === 'directory' ? [this.#placeOf(entry)] : entry.placement.value.places
  }

  /** Everything with this name, or all, that there is in a directory; each as often as it has names there. */
  async #childrenOf(directory: Directory, name?: ByteString): Promise<Placed[]> {
    const children: Placed[] = []
    for (const parent of directory) {
      const seen = new Set<ObjectId>()
      for await (const entry of this.#source.readChildren(parent, name)) {
        if (seen.has(entry.id) || this.#source.loops.has(entry.id) || !(await this.#isPresent(entry))) continue
        seen.add(entry.id)
        for (const place of entry.placement.value.places) {
          if (place.parent === parent && (name === undefined || place.name === name)) children.push({ entry, place })
        }
      }
    }
    if (directory[0] === ROOT_ID) children.push(...(await this.#cutOut(name)))
    return children
  }

  /** Directories that are in the root because they were cut out of circles. */
  async #cutOut(name?: ByteString): Promise<Placed[]> {
    const placed: Placed[] = []
    for (const id of this.#source.loops) {
      const entry = await this.#source.get(id)
      if (entry === undefined) continue
      const place = this.#placeOf(entry)
      if ((name === undefined || place.name === name) && (await this.#isPresent(entry))) placed.push({ entry, place })
    }
    return placed
  }

  /** Where a directory is, and under which name. */
  #placeOf({ id, placement }: SyncEntry): Place {
    const place = placement.value.places[0]!
    if (!this.#source.loops.has(id)) return place
    return { parent: ROOT_ID, name: conflictName({ id, name: place.name, since: placement }, this.#deviceName, 1) }
  }

  async #isPresent(entry: SyncEntry): Promise<boolean> {
    if (isAlive(entry)) return true
    if (entry.kind !== 'directory') return false
    for await (const child of this.#source.readChildren(entry.id)) {
      if (!this.#source.loops.has(child.id) && (await this.#isPresent(child))) return true
    }
    return false
  }

  async #nameAll(directory: Directory, base: ByteString, placed: readonly Placed[]): Promise<Shown[]> {
    const directories = placed.filter(isDirectory).sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1))
    const files = placed.filter((one) => !isDirectory(one)).sort(byPrecedence)
    const shown: Shown[] = []
    if (directories.length > 0) shown.push({ directory, name: base, base, objects: some(directories) })
    const taken = new Set(shown.map(({ name }) => name))
    for (const group of withEquals(files)) {
      const first = group[0]!
      const keepsName = shown.length === 0 && !first.entry.placement.value.isCopy && !isReserved(directory, base)
      const name = keepsName ? base : await this.#conflictName(directory, first, taken)
      taken.add(name)
      shown.push({ directory, name, base, objects: some(group) })
    }
    return shown
  }

  async #conflictName(
    directory: Directory,
    { entry, place }: Placed,
    taken: ReadonlySet<ByteString>,
  ): Promise<ByteString> {
    for (let attempt = 1; ; attempt++) {
      const conflict = { id: entry.id, name: place.name, since: entry.placement }
      const name = conflictName(conflict, this.#deviceName, attempt)
      if (!taken.has(name) && !(await this.#isTaken(directory, name))) return name
    }
  }

  /** Whether something has this name by itself. */
  async #isTaken(directory: Directory, name: ByteString): Promise<boolean> {
    const namesakes = await this.#childrenOf(directory, name)
    return namesakes.some(({ entry }) => !entry.placement.value.isCopy)
  }
}

function lastSet<T>(registers: readonly Register<T>[]): T {
  return registers.reduce((last, one) => (compareOrigins(last, one) < 0 ? one : last)).value
}

function isDirectory({ entry }: Placed): boolean {
  return entry.kind === 'directory'
}

function some(placed: readonly Placed[]): [Placed, ...Placed[]] {
  return [placed[0]!, ...placed.slice(1)]
}

/** The root has a directory of dfs's own by that name. */
function isReserved(directory: Directory, name: ByteString): boolean {
  return directory[0] === ROOT_ID && name === RESERVED_NAME
}

/** Who keeps a name comes first: no copy, then what came there last. */
function byPrecedence({ entry: a }: Placed, { entry: b }: Placed): number {
  const copies = Number(a.placement.value.isCopy) - Number(b.placement.value.isCopy)
  return copies || compareOrigins(b.placement, a.placement) || (a.id < b.id ? -1 : 1)
}

/** Each with what is equal to it and comes behind it. */
function withEquals(files: readonly Placed[]): Placed[][] {
  const groups: Placed[][] = []
  for (const file of files) {
    const group = groups.find(([first]) => isEqual(first!.entry, file.entry))
    if (group === undefined) groups.push([file])
    else group.push(file)
  }
  return groups
}

function isEqual(a: SyncEntry, b: SyncEntry): boolean {
  return a.kind === b.kind && isSameContent(a.content.value!, b.content.value!)
}
