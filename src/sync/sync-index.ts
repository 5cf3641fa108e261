/**
 * The index of a synced folder on this device: the entries of all its objects, numbered by their last change here.
 *
 * One writer at a time; what one writes is there whole and durable, or not at all. Entries that others had before and
 * that say nothing new are not written and get no number: so what goes around among devices comes to rest.
 */
import { Mutex } from '../concurrency/mutex.ts'
import { Slices } from '../concurrency/slices.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import type { Cursor } from '../format/sync-message.ts'
import type { ChangedEntry, IndexState, NumberRange, OnDisk, ReadLimits } from '../format/sync-record.ts'
import type { WriterId } from '../format/version-vector.ts'
import { Behind } from './behind.ts'
import { DiskIndex } from './disk-index.ts'
import { EntryCache } from './entry-cache.ts'
import { compareOrigins } from './entry-merge.ts'
import { hasStateBeen, IndexChange, isSame } from './index-change.ts'
import { findLoops } from './loops.ts'
import type { SyncStore } from './sync-store.ts'

/** Never used before. */
export interface Beginning {
  /** 16 random bytes in hex. */
  readonly indexId: string
  /** This device with a new incarnation. */
  readonly newWriter: WriterId
}

/** Remembers elsewhere how far the index has come. */
export interface Witness {
  /** Whether it is sure that the index went on; `hasBeen`: whether it was ever there. */
  confirms(hasBeen: (index: Cursor) => boolean): boolean
  /** The index is durably there. Never fails. */
  note(index: Cursor): void
}

export interface OpenIndexOptions extends Beginning {
  /** If it does not confirm the index, which may be an older state of itself, this device counts its changes anew. */
  readonly witness?: Witness
  /** What is found while the index is new was made when its mtime says. */
  readonly datesByMtime?: boolean
  readonly nowMs?: () => number
}

/** Hears of entries that were written, durably, and their numbers of before and from now on. Must not fail. */
export type OnNumbered = (entries: readonly ChangedEntry[]) => void

/** Former ids of an index that are remembered; devices that know an older one are sent everything. */
const FORMER_IDS_MAX = 256

export class SyncIndex {
  readonly #store: SyncStore
  readonly #isNew: boolean
  readonly #nowMs: () => number
  readonly #witness: Witness | undefined
  readonly #mutex = new Mutex()
  readonly #slices = new Slices()
  readonly #cache: EntryCache
  readonly #listeners = new Set<OnNumbered>()
  #state: IndexState
  #loops: ReadonlySet<ObjectId>
  #loopsOnDisk: ReadonlySet<ObjectId>
  /** To be changed by nobody else. */
  readonly behind: Behind
  readonly onDisk = new DiskIndex(this)

  private constructor(
    store: SyncStore,
    state: IndexState,
    {
      behind,
      isNew,
      nowMs,
      witness,
    }: { behind: Behind; isNew: boolean; nowMs: () => number; witness: Witness | undefined },
  ) {
    this.#store = store
    this.#cache = new EntryCache(store)
    this.#state = state
    this.#loops = new Set(state.loops)
    this.#loopsOnDisk = this.#loops
    this.behind = behind
    this.#isNew = isNew
    this.#nowMs = nowMs
    this.#witness = witness
  }

  /** To be called once whenever the device starts: an index has another id in each run, and a new one has a new writer. */
  static async open(store: SyncStore, options: OpenIndexOptions): Promise<SyncIndex> {
    const { indexId, newWriter, witness, datesByMtime = false, nowMs = Date.now } = options
    const before = await store.readState()
    const isConfirmed =
      witness === undefined || witness.confirms((index) => before !== undefined && hasStateBeen(before, index))
    const state: IndexState =
      before === undefined
        ? { own: { indexId, sequence: 0 }, former: [], lost: [], writer: newWriter, counter: 0, loops: [] }
        : {
            ...before,
            own: { indexId, sequence: before.own.sequence },
            former: [...before.former, before.own].slice(-FORMER_IDS_MAX),
            ...(isConfirmed ? {} : { writer: newWriter, counter: 0 }),
          }
    await store.write({ state, entries: [] })
    witness?.note(state.own)
    const behind = new Behind(await store.readBehind())
    const isNew = datesByMtime && before === undefined
    const index = new SyncIndex(store, state, { behind, isNew, nowMs, witness })
    await index.#findLoopsOnDisk(index.behind.ids())
    return index
  }

  /** The id of this run, and the number of the last change. */
  get own(): Cursor {
    return this.#state.own
  }

  get writer(): WriterId {
    return this.#state.writer
  }

  /** Directories that were cut out of circles, and are in the root. */
  get loops(): ReadonlySet<ObjectId> {
    return this.#loops
  }

  /** The same for what the disk shows. */
  get loopsOnDisk(): ReadonlySet<ObjectId> {
    return this.#loopsOnDisk
  }

  /** Whether this is a state that the index has been in. */
  hasBeen(cursor: Cursor): boolean {
    return hasStateBeen(this.#state, cursor)
  }

  /** Gives what ends it. */
  onNumbered(listener: OnNumbered): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async get(id: ObjectId): Promise<SyncEntry | undefined> {
    return (await this.#cache.get([id]))[0]
  }

  /** What is read until this is disposed of is remembered; for whoever goes through much of it. */
  remember(): Disposable {
    return this.#cache.remember()
  }

  /** Reads them all at once, so that `get` need not if they are remembered. */
  async prefetch(ids: readonly ObjectId[]): Promise<void> {
    await this.#cache.get(ids)
  }

  readChildren(parent: ObjectId, name?: string): AsyncIterable<SyncEntry> {
    return this.#cache.readChildren(parent, name)
  }

  readChanges(after: number, limits: ReadLimits): ReturnType<SyncStore['readChanges']> {
    return this.#store.readChanges(after, limits)
  }

  readCursor(device: string): Promise<Cursor | undefined> {
    return this.#store.readCursor(device)
  }

  /** Whether it is known that others know it by this id, in a state that it was set back from. */
  hasLost({ indexId }: Cursor): boolean {
    return this.#state.lost.includes(indexId)
  }

  /**
   * Another device knows the index under an id, or up to a number, that it never had: this is an older state of it. From
   * now on it has another id, and counts this device's changes anew. All links begin anew then.
   */
  beginAnew(lost: Cursor, { indexId, newWriter }: Beginning): Promise<void> {
    return this.#mutex.run(async () => {
      const { own, lost: before } = this.#state
      const state: IndexState = {
        ...this.#state,
        own: { indexId, sequence: own.sequence },
        former: [...this.#state.former, own].filter((one) => one.indexId !== lost.indexId).slice(-FORMER_IDS_MAX),
        lost: [...before, lost.indexId].slice(-FORMER_IDS_MAX),
        writer: newWriter,
        counter: 0,
      }
      await this.#store.write({ state, entries: [] })
      this.#state = state
      this.#witness?.note(state.own)
    })
  }

  /** Writes what `work` changes, once it has ended. If it fails nothing is changed. */
  change<T>(work: (change: IndexChange) => Promise<T>): Promise<T> {
    return this.#mutex.run(async () => {
      const change = this.#begin(false)
      const result = await work(change)
      await this.#write(change, undefined)
      return result
    })
  }

  /** The same for changes of what the disk shows, which are merged with what the index has heard of meanwhile. */
  changeOnDisk<T>(work: (change: IndexChange) => Promise<T>): Promise<T> {
    return this.#mutex.run(async () => {
      const change = this.#begin(true)
      const result = await work(change)
      await this.#write(change, undefined)
      return result
    })
  }

  /** Runs something that sees the index as it is at one moment: nothing is changed meanwhile. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(work)
  }

  /** The disk shows these entries now, or nothing of the object if undefined; `saveApplied` makes it lasting. */
  noteApplied(shown: ReadonlyMap<ObjectId, SyncEntry | undefined>): Promise<void> {
    return this.#mutex.run(async () => {
      const ids = [...shown.keys()]
      const stored = await this.#cache.get(ids)
      const behind = new Map<ObjectId, OnDisk | undefined>()
      ids.forEach((id, at) => {
        const entry = shown.get(id)
        behind.set(id, isSame(entry, stored[at]) ? undefined : { entry })
      })
      await this.#noteBehind(behind)
    })
  }

  /** Writes down what the disk shows of these, once `makeDurable` has seen to it that it does, whatever happens. */
  async saveApplied(ids: Iterable<ObjectId>, makeDurable: () => Promise<void>): Promise<void> {
    const saved = [...ids]
    await makeDurable()
    await this.#mutex.run(async () => {
      const behind = new Map(saved.map((id) => [id, this.behind.get(id)]))
      await this.#store.write({ state: this.#state, entries: [], behind })
    })
  }

  /** Merges another device's entries; `cursor`: what is kept of its index then. Resolves once it is durable, with the numbers that those of them got that are in the index as they came. */
  take(device: string, entries: readonly SyncEntry[], cursor: Cursor | undefined): Promise<readonly NumberRange[]> {
    return this.#mutex.run(async () => {
      const change = this.#begin(false)
      await change.read(entries.map(({ id }) => id))
      for (const entry of entries) {
        await this.#slices.next()
        await change.merge(entry)
      }
      const numbers = change.numbersOf(entries)
      await this.#write(change, cursor && { device, cursor })
      return numbers
    })
  }

  async #write(change: IndexChange, cursor: { device: string; cursor: Cursor } | undefined): Promise<void> {
    const entries = change.changes()
    const behind = change.behind()
    if (entries.length === 0 && cursor === undefined && behind.size === 0) return
    const placed = entries.filter(isPlacedAnew).map(({ after }) => after.entry.id)
    const loops = placed.length === 0 ? this.#loops : await findLoops(placed, this.#loops, (id) => change.getLatest(id))
    const { own, counter } = this.#state
    const state: IndexState = {
      ...this.#state,
      own: { ...own, sequence: own.sequence + entries.length },
      counter: counter + change.stamps,
      loops: [...loops].sort(),
    }
    const before = this.#loops
    const fresh = [...behind].filter(([id, onDisk]) => onDisk !== undefined && !this.behind.has(id))
    // Whoever reads meanwhile sees no circle, and of the disk what it shows, whichever of the entries are there already.
    this.#loops = new Set([...before, ...loops])
    for (const [id, onDisk] of fresh) this.behind.set(id, onDisk)
    try {
      await this.#store.write({ state, entries, cursor, behind })
      this.#cache.note(entries)
      this.#state = state
      this.#witness?.note(state.own)
      for (const listener of this.#listeners) listener(entries)
      await this.#noteBehind(behind, placed)
    } finally {
      const isWritten = this.#state === state
      this.#loops = isWritten ? loops : before
      if (!isWritten) for (const [id] of fresh) this.behind.set(id, undefined)
    }
  }

  #begin(isOfDisk: boolean): IndexChange {
    const [store, state, behind, isNew, nowMs] = [this.#store, this.#state, this.behind, this.#isNew, this.#nowMs]
    return new IndexChange({ store, state, behind, isOfDisk, isNew, nowMs })
  }

  /** `placed`: directories that were placed anew, on the disk too. */
  async #noteBehind(
    behind: ReadonlyMap<ObjectId, OnDisk | undefined>,
    placed: readonly ObjectId[] = [],
  ): Promise<void> {
    for (const [id, onDisk] of behind) this.behind.set(id, onDisk)
    await this.#findLoopsOnDisk([...placed, ...behind.keys()])
  }

  async #findLoopsOnDisk(placed: Iterable<ObjectId>): Promise<void> {
    const directories: ObjectId[] = []
    for (const id of placed) if ((await this.onDisk.get(id))?.kind === 'directory') directories.push(id)
    if (directories.length === 0 && this.#loopsOnDisk.size === 0) return
    this.#loopsOnDisk = await findLoops(directories, this.#loopsOnDisk, (id) => this.onDisk.get(id))
  }
}

/** Also to where it was: the move is a later one then. */
function isPlacedAnew({ before, after }: ChangedEntry): boolean {
  if (after.entry.kind !== 'directory') return false
  return before === undefined || compareOrigins(before.entry.placement, after.entry.placement) !== 0
}
