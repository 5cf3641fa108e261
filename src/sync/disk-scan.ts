/**
 * Finds what was done to the folder on this device, and makes it changes of the index.
 *
 * The disk is compared with what it is known to show. An object that is gone from one place and came to another was
 * moved; who was found to be only half brought to the disk by us (a crash, in between) was not touched by anybody.
 * Removals come last: what is missed at one place may yet turn up at another.
 */
import { randomBytes } from 'node:crypto'
import type { ByteString } from '../dfs.ts'
import { comparePaths, isAtOrBelow, joinPath, lastName, parentPath } from '../format/head-path.ts'
import { OBJECT_ID_BYTES, type ObjectId, type Place } from '../format/sync-entry.ts'
import type { DeviceNames } from './conflict-name.ts'
import type { DiskObject, SyncDisk } from './disk.ts'
import { type Came, DiskHomes } from './disk-homes.ts'
import { isAlive, isSameContent } from './entry-merge.ts'
import { directoryAt, directoryOf, shownAt, shownIn } from './find-shown.ts'
import { type DirtyPlace, distinctPlaces } from './head-dirty.ts'
import { type IgnoredPaths, withIgnored } from './ignored-paths.ts'
import { LocalChanges, type Made, type Target } from './local-changes.ts'
import type { Inspect } from './missing-files.ts'
import { isDescribedAlike, isEqualState, isUnmarked, stateOf } from './object-state.ts'
import { type Directory, ROOT, type Shown, ShownTree } from './shown-tree.ts'
import type { SyncIndex } from './sync-index.ts'

export interface DiskScanOptions {
  readonly disk: SyncDisk
  readonly index: SyncIndex
  readonly deviceName: DeviceNames
  readonly newId?: () => ObjectId
  readonly ignored: IgnoredPaths
}

/** Objects that are made in one write. */
const CREATED_AT_ONCE = 500
const REMOVED_AT_ONCE = 500
/** What is found is looked into as often, while somebody moves it from one place to the next. */
const ROUNDS_MAX = 100

export class DiskScan {
  readonly #disk: SyncDisk
  readonly #index: SyncIndex
  readonly #newId: () => ObjectId
  readonly #ignored: IgnoredPaths
  readonly #changes: LocalChanges
  /** What the disk is known to show. */
  readonly #before: ShownTree
  readonly #homes: DiskHomes
  #came: Came[] = []
  #gone = new Set<ByteString>()
  #differing: ByteString[] = []

  constructor({ disk, index, deviceName, newId = randomId, ignored }: DiskScanOptions) {
    this.#disk = disk
    this.#index = index
    this.#newId = newId
    this.#ignored = ignored
    this.#changes = new LocalChanges(index.onDisk, deviceName)
    this.#before = new ShownTree(index.onDisk, deviceName)
    this.#homes = new DiskHomes({ disk, index, before: this.#before, after: new ShownTree(index, deviceName) })
  }

  /** Looks at these places; `expectsOwn`: what was half brought by us is no change. What is busy is left for when it is no more. Fails if something cannot be read, or the index fails; what was found by then stands. What is to be looked at again, for somebody moves it about. */
  async scan(
    places: readonly DirtyPlace[],
    { expectsOwn = true, inspect }: { expectsOwn?: boolean; inspect?: Inspect } = {},
  ): Promise<readonly DirtyPlace[]> {
    this.#homes.expectsOwn = expectsOwn
    this.#gone = new Set()
    this.#differing = []
    let left: readonly DirtyPlace[] = withIgnored(places)
    for (let round = 0; left.length > 0 && round < ROUNDS_MAX; round++) {
      this.#came = []
      for (const place of await this.#reachable(left)) await this.#compareAt(place)
      if (round === 0) await inspect?.({ gone: this.#gone, came: this.#came })
      left = await this.#takeIn()
    }
    for (const path of this.#differing) await this.#noteDifference(path)
    await this.#removeGone()
    return left
  }

  /** Places whose directory the disk is known to show; of others the first that it is not known to show on the way there. */
  async #reachable(places: readonly DirtyPlace[]): Promise<DirtyPlace[]> {
    const reachable: DirtyPlace[] = []
    for (const { path, isTree } of distinctPlaces(places)) {
      let at: DirtyPlace = { path, isTree }
      for (let parent = parentPath(path); parent; parent = parentPath(parent)) {
        if ((await directoryAt(this.#before, parent)) === undefined) at = { path: parent, isTree: true }
      }
      reachable.push(at)
    }
    return distinctPlaces(reachable)
  }

  async #compareAt({ path, isTree }: DirtyPlace): Promise<void> {
    if (path === '') {
      if (isTree) await this.#compareIn('', ROOT)
      return
    }
    const directory = await directoryAt(this.#before, parentPath(path)!)
    if (directory === undefined) return
    await this.#compare(path, await shownIn(this.#before, directory, lastName(path)), isTree)
  }

  async #compareIn(path: ByteString, directory: Directory): Promise<void> {
    const shown = await this.#before.list(directory)
    const names = new Set([...shown.keys(), ...(await this.#ignored.list(path))])
    for (const name of names) await this.#compare(joinPath(path, name), shown.get(name), true)
  }

  async #compare(path: ByteString, shown: Shown | undefined, isTree: boolean): Promise<void> {
    const object = this.#disk.look(path)
    if (object === 'busy' || object === 'foreign') return
    if (this.#ignored.isLeft(path, (object ?? shown?.objects[0].entry)?.kind)) return
    if (object === undefined) {
      if (shown !== undefined && !(await this.#homes.isOurDoing(path, undefined))) this.#gone.add(path)
      return
    }
    const isOther = shown !== undefined && (await this.#homes.isOther(object, shown, path))
    if (shown === undefined || isOther) {
      if (await this.#homes.isOurDoing(path, object)) return
      if (isOther) this.#gone.add(path)
      this.#came.push({ path, object })
    } else if (object.kind === 'directory') {
      if (this.#differs(object, shown)) this.#differing.push(path)
      if (isTree) await this.#compareIn(path, directoryOf(shown))
    } else if (this.#differs(object, shown)) this.#differing.push(path)
  }

  async #prefetch(came: readonly Came[]): Promise<void> {
    await this.#index.prefetch(came.flatMap(({ object: { id } }) => (id === undefined ? [] : [id])))
  }

  /** Whether nothing has been done to a path since it was looked at: it is found again if so. */
  #stands({ path, object }: Came): boolean {
    const found = this.#disk.look(path)
    return typeof found === 'object' && found.identity === object.identity
  }

  #differs(object: DiskObject, shown: Shown): boolean {
    return isUnmarked(object, shown) || !isEqualState(object, stateOf(shown), this.#disk)
  }

  /** Unless something else has come to the path since it was looked at. */
  #mark(path: ByteString, { identity }: DiskObject, id: ObjectId): void {
    const found = this.#disk.look(path)
    if (typeof found !== 'object' || found.identity !== identity || found.id === id) return
    if (found.kind === 'directory' || found.kind === 'file') this.#disk.mark(path, id)
  }

  /** Makes what came changes of the index; what is to be looked at after that. */
  async #takeIn(): Promise<DirtyPlace[]> {
    const next: DirtyPlace[] = []
    const fresh: Came[] = []
    const makeFresh = async () => {
      const all = fresh.splice(0)
      await this.#makeAll(all)
      for (const { path, object } of all) if (object.kind === 'directory') next.push({ path, isTree: true })
    }
    const came = this.#came.sort((a, b) => comparePaths(a.path, b.path))
    for (const [at, one] of came.entries()) {
      if (at % CREATED_AT_ONCE === 0) await this.#prefetch(came.slice(at, at + CREATED_AT_ONCE))
      if (!this.#stands(one)) continue
      if ((await this.#homes.homeOf(one)) === undefined) {
        if (!(await this.#ignored.isForIgnored(one.path, one.object.kind))) fresh.push(one)
        continue
      }
      await makeFresh()
      // It was set aside if something new stands where it was.
      const home = await this.#homes.homeOf(one)
      if (home === undefined) continue
      const isReplaced = !home.isThere && this.#disk.look(home.path) !== undefined
      // Something new stands where it was, and may be what it is in now.
      if (isReplaced) next.push({ path: home.path, isTree: true })
      if (isReplaced && one.path.startsWith(`${home.path}/`)) {
        await this.#clear(home.path)
        continue
      }
      if (home.isThere) await this.#linkTo(one, home.place)
      else await this.#moveTo(one, home.place)
      if (one.object.kind === 'directory') next.push({ path: one.path, isTree: true })
      else this.#differing.push(one.path)
    }
    await makeFresh()
    return next
  }

  async #linkTo({ path, object }: Came, place: Place): Promise<void> {
    const shown = await this.#shownAs(object.id!, place)
    const directory = await directoryAt(this.#before, parentPath(path)!)
    if (shown === undefined || directory === undefined) return
    await this.#clear(path)
    await this.#changes.link(shown, { directory, name: lastName(path) })
  }

  async #moveTo({ path, object }: Came, place: Place): Promise<void> {
    const shown = await this.#shownAs(object.id!, place)
    const directory = await directoryAt(this.#before, parentPath(path)!)
    if (shown === undefined || directory === undefined) return
    await this.#clear(path)
    await this.#changes.rename(shown, { directory, name: lastName(path) })
  }

  /** Nothing is shown at a path where something else has come: it turns up elsewhere, or is gone. */
  async #clear(path: ByteString): Promise<void> {
    const shown = await shownAt(this.#before, path)
    if (shown === undefined) return
    if (await this.#isElsewhere(shown)) {
      const aside = `${lastName(path).slice(0, 100)}.${randomBytes(6).toString('hex')}`
      const directory = (await directoryAt(this.#before, parentPath(path)!))!
      await this.#changes.rename(shown, { directory, name: aside })
      this.#gone.add(joinPath(parentPath(path)!, aside))
    } else await this.#removeTrees([shown])
    this.#gone.delete(path)
  }

  async #isElsewhere(shown: Shown): Promise<boolean> {
    return this.#came.some(
      ({ object }) => object.id !== undefined && shown.objects.some(({ entry }) => entry.id === object.id),
    )
  }

  async #shownAs(id: ObjectId, place: Place): Promise<Shown | undefined> {
    const way = await this.#before.wayTo(place.parent)
    const namesakes = way === undefined ? [] : await this.#before.namesake(way.at(-1)!.directory, place.name)
    return namesakes.find((shown) => shown.objects.some(({ entry }) => entry.id === id))
  }

  /** Makes new objects, not what is in them. */
  async #makeAll(came: readonly Came[]): Promise<void> {
    const directories = new Map<ByteString, Directory | undefined>()
    for (let from = 0; from < came.length; from += CREATED_AT_ONCE) {
      const batch: { target: Target; made: Made }[] = []
      const first = new Map<string, ByteString>()
      const links: Came[] = []
      for (const { path, object } of came.slice(from, from + CREATED_AT_ONCE)) {
        const parent = parentPath(path)!
        if (!directories.has(parent)) directories.set(parent, await directoryAt(this.#before, parent))
        const directory = directories.get(parent)
        if (directory === undefined || !this.#stands({ path, object })) continue
        await this.#clear(path)
        if (first.has(object.identity)) {
          links.push({ path, object })
          continue
        }
        first.set(object.identity, path)
        const { kind, content, mtimeNs, attributes } = object
        const id = await this.#idFor(object, batch)
        batch.push({ target: { directory, name: lastName(path) }, made: { id, kind, content, mtimeNs, attributes } })
        this.#mark(path, object, id)
      }
      await this.#changes.createAll(batch)
      for (const { path, object } of links) {
        const shown = await shownAt(this.#before, first.get(object.identity)!)
        const directory = directories.get(parentPath(path)!)
        if (shown !== undefined && directory !== undefined)
          await this.#changes.link(shown, { directory, name: lastName(path) })
      }
    }
  }

  /** Its own, unless another object has it: this is a copy then. */
  async #idFor({ id, kind }: DiskObject, batch: readonly { made: Made }[]): Promise<ObjectId> {
    if (id === undefined || batch.some(({ made }) => made.id === id)) return this.#newId()
    const known = (await this.#index.get(id)) ?? (await this.#index.onDisk.get(id))
    if (known === undefined) return id
    const isShown = kind === 'directory' && (await this.#before.wayTo(id)) !== undefined
    const isFree = !isAlive(known) && known.kind === kind && !isShown && !this.#index.behind.has(id)
    return isFree ? id : this.#newId()
  }

  async #noteDifference(path: ByteString): Promise<void> {
    const shown = await shownAt(this.#before, path)
    const object = this.#disk.look(path)
    if (shown === undefined || object === undefined || typeof object !== 'object') return
    const before = stateOf(shown)
    if (before.kind !== object.kind || !this.#differs(object, shown)) return
    if (await this.#homes.isWanted(path, object, shown)) return
    if (isUnmarked(object, shown)) this.#mark(path, object, shown.objects[0].entry.id)
    if (isEqualState(object, before, this.#disk)) return
    if (!isSameContent(object.content, before.content)) {
      if (object.kind !== 'file') return
      await this.#changes.edit(shown, object.content, object.mtimeNs)
    }
    const now = await shownAt(this.#before, path)
    if (now === undefined || isDescribedAlike(object, stateOf(now), this.#disk)) return
    const { uid, gid } = this.#disk.setsOwners ? object.attributes : before.attributes
    const attributes = { ...object.attributes, uid, gid }
    await this.#changes.describe(now, { attributes, ...(object.kind === 'file' ? { mtimeNs: object.mtimeNs } : {}) })
  }

  async #removeGone(): Promise<void> {
    const trees: Shown[] = []
    let last: ByteString | undefined
    for (const path of [...this.#gone].sort(comparePaths)) {
      if (last !== undefined && isAtOrBelow(path, last)) continue
      const shown = await shownAt(this.#before, path)
      if (shown === undefined || this.#disk.look(path) !== undefined) continue
      trees.push(shown)
      last = path
    }
    await this.#removeTrees(trees)
  }

  /** With all that is shown below them. */
  async #removeTrees(trees: readonly Shown[]): Promise<void> {
    const all = [...trees]
    for (const one of all) {
      if (one.objects[0].entry.kind === 'directory') all.push(...(await this.#before.list(directoryOf(one))).values())
    }
    all.reverse()
    for (let from = 0; from < all.length; from += REMOVED_AT_ONCE) {
      await this.#changes.removeAll(all.slice(from, from + REMOVED_AT_ONCE))
    }
  }
}

function randomId(): ObjectId {
  return randomBytes(OBJECT_ID_BYTES).toString('hex')
}
