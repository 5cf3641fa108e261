/**
 * What programs and people do to the folder on this device, as changes of entries.
 *
 * What is done is done to what is shown. So a change to a name takes along all that is hidden behind it, and leaves the
 * names of everything else as they are; what is made or moved into a directory that is deleted elsewhere brings it back.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import {
  type ObjectId,
  type ObjectKind,
  PLACES_MAX,
  type Place,
  ROOT_ID,
  type SyncAttributes,
  type SyncContent,
  type SyncEntry,
} from '../format/sync-entry.ts'
import type { DeviceNames } from './conflict-name.ts'
import {
  createEntry,
  type Stamp,
  withAttributes,
  withContent,
  withMtime,
  withoutLife,
  withPlaces,
} from './entry-change.ts'
import { isAlive } from './entry-merge.ts'
import type { IndexChange } from './index-change.ts'
import { type Directory, type Placed, type Shown, ShownTree, type TreeSource } from './shown-tree.ts'

/** A name in a directory. */
export interface Target {
  readonly directory: Directory
  readonly name: ByteString
}

export interface Made {
  /** Of a file its file id, of others 16 random bytes, in hex. */
  readonly id: ObjectId
  readonly kind: ObjectKind
  readonly content: SyncContent
  readonly mtimeNs: bigint
  readonly attributes: SyncAttributes
}

/** What is given is set. */
export interface Description {
  readonly mtimeNs?: bigint
  readonly attributes?: SyncAttributes
}

/** An index, or what the disk shows of it. */
export interface ChangeableTree extends TreeSource {
  change<T>(work: (change: IndexChange) => Promise<T>): Promise<T>
}

const NS_PER_MS = 1_000_000n
const NOTHING = { kind: 'nothing' } as const

/** Each change is one write, and resolves once that is durable. What it is given as shown must be what is shown now. */
export class LocalChanges {
  readonly #index: ChangeableTree
  readonly #tree: ShownTree

  constructor(index: ChangeableTree, deviceName: DeviceNames) {
    this.#index = index
    this.#tree = new ShownTree(index, deviceName)
  }

  /** Nothing is shown by that name. An object that was deleted may be made again. Fails with `exists` if it is there. */
  create(target: Target, made: Made): Promise<void> {
    return this.createAll([{ target, made }])
  }

  /** The same for several, as one write; directories before what is in them. */
  createAll(all: readonly { readonly target: Target; readonly made: Made }[]): Promise<void> {
    return this.#index.change(async (change) => {
      await change.read(all.map(({ made }) => made.id))
      for (const { target, made } of all) await create(change, target, made)
    })
  }

  /** A file's new content. */
  edit(shown: Shown, content: SyncContent, mtimeNs: bigint): Promise<void> {
    return this.#index.change(async (change) => {
      const [first, ...equals] = shown.objects
      const stamp = change.stamp()
      const entry = (await change.get(first.entry.id))!
      await change.put(withMtime(withContent(entry, content, stamp), mtimeNs, stamp))
      for (const placed of equals) await this.#takeAway(change, placed)
    })
  }

  describe({ objects }: Shown, { mtimeNs, attributes }: Description): Promise<void> {
    return this.#index.change(async (change) => {
      const stamp = change.stamp()
      const isDirectory = objects[0].entry.kind === 'directory'
      for (const { entry: shown } of isDirectory ? objects : objects.slice(0, 1)) {
        let entry = (await change.get(shown.id))!
        if (!isAlive(entry)) entry = withContent(entry, NOTHING, stamp)
        if (mtimeNs !== undefined) entry = withMtime(entry, mtimeNs, stamp)
        if (attributes !== undefined) entry = withAttributes(entry, attributes, stamp)
        await change.put(entry)
      }
    })
  }

  /** One more name, by which nothing is shown, of a file, symbolic link or fifo. Fails with `too-many-links`. */
  link({ objects }: Shown, target: Target): Promise<void> {
    return this.#index.change(async (change) => {
      const place = { parent: await parentIn(change, target.directory), name: target.name }
      const entry = (await change.get(objects[0].entry.id))!
      const places = [...(await this.#asShown(entry.id, entry.placement.value.places)), place]
      if (places.length > PLACES_MAX) throw new DfsError('too-many-links', 'the file has too many names')
      await change.put(withPlaces(entry, places, change.stamp()))
    })
  }

  /** Takes a name away, and with the last one the object. Fails with `not-empty`. */
  remove(shown: Shown): Promise<void> {
    return this.#index.change((change) => this.#remove(change, shown))
  }

  /** Takes several names away, as one write, in their order; of directories nothing is left in the end. */
  removeAll(all: readonly Shown[]): Promise<void> {
    return this.#index.change(async (change) => {
      const going = new Set(all.flatMap(({ objects }) => objects.map(({ entry }) => entry.id)))
      for (const shown of all) {
        await this.#keepOtherNames(change, shown, going)
        for (const placed of shown.objects) await this.#takeAway(change, placed)
      }
    })
  }

  /** To another name; `replaced` is what is shown by that, and removed. Fails with `invalid` if it would be inside of itself, `not-empty`. */
  rename(shown: Shown, target: Target, replaced?: Shown): Promise<void> {
    // Two names of one object: nothing is to be done (POSIX, rename).
    if (replaced?.objects[0].entry.id === shown.objects[0].entry.id) return Promise.resolve()
    return this.#index.change(async (change) => {
      const isDirectory = shown.objects[0].entry.kind === 'directory'
      if (isDirectory) await this.#requireOutside(shown, target.directory)
      if (replaced !== undefined) await this.#remove(change, replaced)
      if (isDirectory) await this.#settleLoops(change)
      await this.#keepOtherNames(change, shown)
      const place = { parent: await parentIn(change, target.directory), name: target.name }
      for (const placed of shown.objects) await this.#move(change, placed, place)
    })
  }

  async #remove(change: IndexChange, shown: Shown): Promise<void> {
    const ids = shown.objects.map(({ entry }) => entry.id).sort()
    const isDirectory = shown.objects[0].entry.kind === 'directory'
    if (isDirectory && (await this.#tree.list(ids)).size > 0)
      throw new DfsError('not-empty', 'the directory is not empty')
    await this.#keepOtherNames(change, shown)
    for (const placed of shown.objects) await this.#takeAway(change, placed)
  }

  /** What shares the name and is shown by another has that one from now on, whatever becomes of this. */
  async #keepOtherNames(
    change: IndexChange,
    { directory, base, name }: Shown,
    going: ReadonlySet<ObjectId> = new Set(),
  ): Promise<void> {
    for (const other of await this.#tree.namesake(directory, base)) {
      if (other.name === name || other.name === base || going.has(other.objects[0].entry.id)) continue
      for (const placed of other.objects)
        await this.#move(change, placed, { parent: placed.place.parent, name: other.name })
    }
  }

  async #takeAway(change: IndexChange, { entry: { id }, place }: Placed): Promise<void> {
    const entry = (await change.get(id))!
    const places = await this.#asShown(id, without(entry, place))
    await change.put(places.length > 0 ? withPlaces(entry, places, change.stamp()) : withoutLife(entry, change.stamp()))
  }

  async #move(change: IndexChange, { entry: { id }, place }: Placed, to: Place): Promise<void> {
    const entry = (await change.get(id))!
    const others = await this.#asShown(id, without(entry, place))
    const isThere = others.some(({ parent, name }) => parent === to.parent && name === to.name)
    await change.put(withPlaces(entry, isThere ? others : [...others, to], change.stamp()))
  }

  /** Names by which an object is shown are its own from now on: it comes to all of them anew, and would take them from others. */
  async #asShown(id: ObjectId, places: readonly Place[]): Promise<Place[]> {
    const kept: Place[] = []
    for (const { parent, name } of places) {
      const directory = (await this.#tree.wayTo(parent))?.at(-1)?.directory
      const namesakes = directory === undefined ? [] : await this.#tree.namesake(directory, name)
      const shown = namesakes.find(({ objects }) => objects.some(({ entry }) => entry.id === id))
      kept.push({ parent, name: shown?.name ?? name })
    }
    return kept
  }

  /** Directories that were cut out of circles are where they are shown: else a move within the circle would move them, too. */
  async #settleLoops(change: IndexChange): Promise<void> {
    for (const id of this.#index.loops) {
      const shown = (await this.#tree.wayTo(id))?.at(-1)
      if (shown === undefined) continue
      const place = { parent: ROOT_ID, name: shown.name }
      await change.put(withPlaces((await change.get(id))!, [place], change.stamp()))
    }
  }

  async #requireOutside(shown: Shown, directory: Directory): Promise<void> {
    const ids = new Set(shown.objects.map(({ entry }) => entry.id))
    const way = (await this.#tree.wayTo(directory[0]!)) ?? []
    if (way.some((one) => one.directory.some((id) => ids.has(id)))) {
      throw new DfsError('invalid', 'a directory cannot be moved into itself')
    }
  }
}

async function create(change: IndexChange, { directory, name }: Target, made: Made): Promise<void> {
  const place = { parent: await parentIn(change, directory), name }
  const before = await change.get(made.id)
  const stamp = change.stamp()
  if (before === undefined)
    return change.put(createEntry({ ...made, place }, change.isNew ? foundAs(made, stamp) : stamp))
  if (isAlive(before) || before.kind !== made.kind) throw new DfsError('exists', 'there is such an object')
  const again = withContent(withPlaces(before, [place], stamp), made.content, stamp)
  return change.put(withAttributes(withMtime(again, made.mtimeNs, stamp), made.attributes, stamp))
}

/** What stood there before there was an index was made then: whatever others have done to it since is later. */
function foundAs({ mtimeNs }: Made, stamp: Stamp): Stamp {
  return { ...stamp, nowMs: Math.min(stamp.nowMs, Number(mtimeNs / NS_PER_MS)) }
}

/** Of the directories that are one, the one that something new is put into: it is not deleted from then on. */
async function parentIn(change: IndexChange, directory: Directory): Promise<ObjectId> {
  for (const id of directory) {
    const entry = await change.get(id)
    if (entry === undefined || isAlive(entry)) return id
  }
  const id = directory[0]!
  await change.put(withContent((await change.get(id))!, NOTHING, change.stamp()))
  return id
}

/** The other names of an object; a directory has none. */
function without(entry: SyncEntry, { parent, name }: Place): Place[] {
  if (entry.kind === 'directory') return []
  return entry.placement.value.places.filter((one) => one.parent !== parent || one.name !== name)
}
