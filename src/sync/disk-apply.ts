/**
 * Brings to the disk what the index has heard of from other devices.
 *
 * Objects that have to do with each other are brought together, in one step that no program comes between, and only where
 * the disk shows what it is known to show: what somebody has changed meanwhile is found by a scan first. A crash leaves
 * such a step half done; then a scan finds the disk to show here what was, and there what is to be, and the step is done
 * again. What could not be put back in sight is still there, parked.
 */
import type { ByteString } from '../dfs.ts'
import { describeError, type ErrorKind, kindOf } from '../errors.ts'
import { comparePaths, isAtOrBelow, joinPath, lastName, parentPath } from '../format/head-path.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import { logger } from '../log.ts'
import { groupOf, type Move, movedWith, type Plan, planOf } from './apply-plan.ts'
import type { DeviceNames } from './conflict-name.ts'
import type { Incoming, SyncDisk } from './disk.ts'
import { Changed, check, isDirectoryAt, isOtherState, leftOf, Occupied } from './disk-check.ts'
import { isSameContent } from './entry-merge.ts'
import { pathsOf } from './find-shown.ts'
import { IGNORE_FILE, type IgnoredPaths } from './ignored-paths.ts'
import { guessIncoming, incomingOf } from './incoming-files.ts'
import { isDescribedAlike, isUnmarked, stateOf } from './object-state.ts'
import { type Shown, ShownTree } from './shown-tree.ts'
import type { SyncIndex } from './sync-index.ts'

const log = logger('sync')

export interface DiskApplyOptions {
  readonly disk: SyncDisk
  readonly index: SyncIndex
  readonly deviceName: DeviceNames
  readonly ignored: IgnoredPaths
}

export interface Applied {
  /** Somebody has been at these: they are to be scanned. */
  readonly changed: ReadonlySet<ByteString>
  /** So many objects wait: for a program that has them open, for something that stands in their way, for what is to come. */
  readonly waiting: number
  /** What the disk said to one of these, if it cannot have it; undefined if all can come yet. */
  readonly refused: unknown
}

/** The entries that the disk shows now, or the files that have to be written first. */
type Tried = { readonly shown: ReadonlyMap<ObjectId, SyncEntry | undefined> } | { readonly unprepared: Incoming[] }

const APPLIED_AT_ONCE = 500
/** While what is to come is changed, faster than it can be written. */
const ATTEMPTS_MAX = 3

/** What the disk says to one object, and not to others. */
const OF_ONE_OBJECT: ReadonlySet<ErrorKind> = new Set([
  'no-permission',
  'not-permitted',
  'name-too-long',
  'invalid',
  'unsupported',
  'exists',
])

export class DiskApply {
  readonly #disk: SyncDisk
  readonly #index: SyncIndex
  readonly #before: ShownTree
  readonly #after: ShownTree
  readonly #ignored: IgnoredPaths
  /** To be looked at: directories that stood where one was to be made, or that were to go and did not; files that say what is ignored. */
  #adopted: ByteString[] = []
  #refused: unknown
  /** What had to wait the last time: nothing is written for that before it need not. */
  #waited: ReadonlySet<ObjectId> = new Set()

  constructor({ disk, index, deviceName, ignored }: DiskApplyOptions) {
    this.#disk = disk
    this.#index = index
    this.#before = new ShownTree(index.onDisk, deviceName)
    this.#after = new ShownTree(index, deviceName)
    this.#ignored = ignored
  }

  /** Puts back in sight what a crash left parked, and takes away what it left empty. To be called before anything is scanned. */
  async recover(): Promise<void> {
    for (const id of this.#index.behind.ids()) await this.#removeEmptied(await this.#index.get(id))
    for (const key of await this.#disk.parked()) {
      const id = key.slice(0, key.indexOf('.'))
      const homes = [
        ...(await pathsOf(this.#before, await this.#index.onDisk.get(id))),
        ...(await pathsOf(this.#after, await this.#index.get(id))),
      ].map(({ path }) => path)
      const free = homes.find(
        (path) => this.#disk.look(path) === undefined && isDirectoryAt(parentPath(path)!, this.#disk),
      )
      this.#disk.unpark(key, free ?? this.#freeName('recovered'))
    }
  }

  /** A disk that says too early that it has something may keep, of a file that was brought, its name alone: nobody has emptied it. */
  async #removeEmptied(entry: SyncEntry | undefined): Promise<void> {
    if (entry?.content.value?.kind !== 'file' || entry.content.value.size === 0) return
    for (const { path } of await pathsOf(this.#after, entry)) {
      const found = this.#disk.look(path)
      const isNameAlone = typeof found === 'object' && found.id === undefined
      if (isNameAlone && found.content.kind === 'file' && found.content.size === 0) this.#disk.remove(path)
    }
  }

  /** Brings what can be brought. Fails as the disk or the index fails; what was brought by then stands. */
  async apply(signal: AbortSignal): Promise<Applied> {
    const changed = new Set<ByteString>()
    const waiting = new Set<ObjectId>()
    this.#refused = undefined
    let unsaved = new Set<ObjectId>()
    const save = async () => {
      const ids = unsaved
      unsaved = new Set()
      if (ids.size > 0) await this.#index.saveApplied(ids, () => this.#disk.sync())
    }
    try {
      for (let hasMoved = true; hasMoved; ) {
        hasMoved = false
        const ids = [...this.#index.behind.ids()]
        for (const [at, id] of ids.entries()) {
          if (at % APPLIED_AT_ONCE === 0) await this.#prepare(ids.slice(at, at + APPLIED_AT_ONCE))
          signal.throwIfAborted()
          if (!this.#index.behind.has(id)) continue
          const done = await this.#applyOne(id, changed)
          if (done === undefined) {
            waiting.add(id)
            continue
          }
          for (const one of done) {
            unsaved.add(one)
            waiting.delete(one)
          }
          hasMoved = waiting.size > 0
          if (unsaved.size >= APPLIED_AT_ONCE) await save()
        }
      }
    } finally {
      this.#waited = waiting
      this.#disk.discardPrepared()
      await save()
    }
    return { changed, waiting: waiting.size, refused: this.#refused }
  }

  /** The objects that the disk shows as the index does now; undefined if that has to wait. */
  async #applyOne(id: ObjectId, changed: Set<ByteString>): Promise<ObjectId[] | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      // What the index hears meanwhile would be in one half of the plan, and not in the other.
      const tried = await this.#index.exclusively(() => this.#tryOne(id, changed))
      for (const path of this.#adopted.splice(0)) changed.add(path)
      if (tried === undefined) return undefined
      if ('shown' in tried) {
        await this.#index.noteApplied(tried.shown)
        return [...tried.shown.keys()]
      }
      await this.#disk.prepare(tried.unprepared)
    }
    return undefined
  }

  /** Has most of what is to come with these written at once; what it guesses wrong is written when its turn comes. */
  async #prepare(ids: readonly ObjectId[]): Promise<void> {
    this.#disk.discardPrepared()
    await this.#index.prefetch(ids)
    const likely = ids.filter((id) => !this.#waited.has(id))
    const files = await guessIncoming(likely, this.#index, this.#before)
    if (files.length > 0) await this.#disk.prepare(files)
  }

  async #tryOne(id: ObjectId, changed: Set<ByteString>): Promise<Tried | undefined> {
    const { behind, onDisk } = this.#index
    const sides = { before: { source: onDisk, tree: this.#before }, after: { source: this.#index, tree: this.#after } }
    const group = await groupOf(id, { ...sides, isBehind: (one) => behind.has(one) })
    if (group.isWaiting) return undefined
    const shown = new Map<ObjectId, SyncEntry | undefined>()
    for (const one of group.ids) if (behind.has(one)) shown.set(one, await this.#index.get(one))
    try {
      const plan = this.#sparing(planOf(group))
      if (await this.#isObstructed(plan)) return undefined
      const left = leftOf(plan, this.#disk)
      check(left, this.#disk)
      const unprepared = incomingOf(left, this.#disk).filter((file) => !this.#disk.isPrepared(file))
      if (unprepared.length > 0) return { unprepared }
      this.#perform(left)
      const paths = [...group.before.keys(), ...group.after.keys()]
      this.#adopted.push(...paths.filter((path) => lastName(path) === IGNORE_FILE))
      return { shown }
    } catch (error) {
      if (OF_ONE_OBJECT.has(kindOf(error))) this.#refused ??= error
      else if (!(error instanceof Changed || error instanceof Occupied)) throw error
      const paths = error instanceof Changed ? error.paths : []
      for (const path of paths) if (!this.#isIgnored(path)) changed.add(path)
      return undefined
    }
  }

  /** What is ignored stays where it is when others remove it, as a file that they never had. */
  #sparing(plan: Plan): Plan {
    const removals = plan.removals.filter(({ path, shown }) => !this.#ignored.has(path, shown.objects[0].entry.kind))
    return { ...plan, removals }
  }

  /** Whether something is to come where a directory stays, for what is ignored is in it. */
  async #isObstructed({ moves, links, makes, removals }: Plan): Promise<boolean> {
    const arrivals = [...makes.map(({ path }) => path), ...[...moves, ...links].map(({ to }) => to)]
    for (const { path, shown } of removals) {
      if (!isDirectory(shown) || !arrivals.some((arrival) => isAtOrBelow(path, arrival))) continue
      if (await this.#ignored.isIn(path)) return true
    }
    return false
  }

  /** A scan would find nothing there, whatever was done to it. */
  #isIgnored(path: ByteString): boolean {
    const found = this.#disk.look(path) ?? { kind: 'directory' }
    return this.#ignored.has(path, typeof found === 'object' ? found.kind : undefined)
  }

  #perform({ moves, links, makes, stays, removals }: Plan): void {
    const disk = this.#disk
    const files = removals.filter(({ shown }) => !isDirectory(shown))
    for (const { path } of files) if (disk.look(path) !== undefined) disk.remove(path)
    const [only] = moves
    const directories = removals.filter(({ shown }) => isDirectory(shown))
    const isSimple = moves.length === 1 && makes.length + directories.length === 0 && this.#isOpen(only!)
    const parked = new Map<ByteString, string>()
    const leaving = [
      ...directories.map(({ path }) => ({ from: path, move: undefined })),
      ...moves.map((move) => ({ from: move.from, move })),
    ]
    const stayed: ByteString[] = []
    // What is in a directory is taken out of it before the directory goes anywhere.
    for (const { from, move } of leaving.sort((a, b) => comparePaths(b.from, a.from))) {
      if (move === undefined) {
        if (!this.#removeDirectory(from)) stayed.push(from)
      } else if (isSimple) disk.move(from, move.to)
      else {
        const key = `${move.after.objects[0].entry.id}.${parked.size}`
        disk.park(from, key)
        parked.set(move.to, key)
      }
    }
    const isBlocked = [...makes.map(({ path }) => path), ...parked.keys()].some((path) => stayed.includes(path))
    if (isBlocked) {
      for (const { from, to } of moves.toSorted((a, b) => comparePaths(a.from, b.from))) {
        const key = parked.get(to)
        if (key !== undefined) disk.unpark(key, from)
      }
      throw new Changed(stayed)
    }
    this.#adopted.push(...stayed.map((path) => movedWith(path, moves)))
    const arrivals = [...makes, ...moves.map(({ to: path, after: shown }) => ({ path, shown }))]
    for (const { path, shown } of arrivals.sort((a, b) => comparePaths(a.path, b.path))) {
      const key = parked.get(path)
      if (key !== undefined) disk.unpark(key, path)
      else if (isDirectory(shown) && disk.look(path) !== undefined) this.#adopted.push(path)
      this.#bringTo(path, shown)
    }
    for (const { from, to } of links) if (disk.look(to) === undefined) disk.link(from, to)
    for (const { path, before, after } of stays)
      if (isOtherState(before, after, disk)) this.#bringTo(path, after)
      else this.#mark(path, after)
  }

  /** Whether something can go where it is to be at once. */
  #isOpen({ from, to }: Move): boolean {
    if (to.startsWith(`${from}/`) || this.#disk.look(to) !== undefined) return false
    return isDirectoryAt(parentPath(to)!, this.#disk)
  }

  /** Has what stands at a path be what it is to be, or makes it. */
  #bringTo(path: ByteString, shown: Shown): void {
    const { id } = shown.objects[0].entry
    const state = stateOf(shown)
    const found = this.#disk.look(path)
    if (found === undefined) this.#disk.make(path, id, state)
    if (found === undefined) return
    // What was done by now is found to be done the next time.
    if (found === 'busy' || found === 'foreign') throw new Occupied()
    if (!isSameContent(found.content, state.content)) this.#disk.replace(path, id, state)
    else {
      this.#mark(path, shown)
      if (!isDescribedAlike(found, state, this.#disk)) this.#disk.describe(path, state)
    }
  }

  /** A directory may be another of those that it was one with. */
  #mark(path: ByteString, shown: Shown): void {
    const found = this.#disk.look(path)
    if (typeof found === 'object' && isUnmarked(found, shown)) this.#disk.mark(path, shown.objects[0].entry.id)
  }

  /** Whether it is gone. What this device has in it and nobody knows of stays, and so does the directory: a scan makes it anew. */
  #removeDirectory(path: ByteString): boolean {
    try {
      if (this.#disk.look(path) !== undefined) this.#disk.remove(path)
      return true
    } catch (error) {
      if (kindOf(error) !== 'not-empty') throw error
      log('%s stays: %s', path, describeError(error))
      return false
    }
  }

  #freeName(name: ByteString): ByteString {
    for (let count = 1; ; count++) {
      const path = joinPath('', count === 1 ? name : `${name} ${count}`)
      if (this.#disk.look(path) === undefined) return path
    }
  }
}

function isDirectory({ objects }: Shown): boolean {
  return objects[0].entry.kind === 'directory'
}
