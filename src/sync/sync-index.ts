/**
 * The index of a synced folder on this device: the entries of all its objects, numbered by their last change here.
 *
 * One writer at a time; what one writes is there whole and durable, or not at all. Entries that others had before and
 * that say nothing new are not written and get no number: so what goes around among devices comes to rest.
 */
import { Mutex } from '../concurrency/mutex.ts'
import { Slices } from '../concurrency/slices.ts'
import { encodeSyncEntry, type ObjectId, type SyncEntry } from '../format/sync-entry.ts'
import type { Cursor } from '../format/sync-message.ts'
import type { ChangedEntry, IndexState, ReadLimits, StoredEntry } from '../format/sync-record.ts'
import type { WriterId } from '../format/version-vector.ts'
import type { Stamp } from './entry-change.ts'
import { compareOrigins, mergeEntries } from './entry-merge.ts'
import { findLoops } from './loops.ts'
import type { SyncStore } from './sync-store.ts'

/** Never used before. */
export interface Beginning {
  /** 16 random bytes in hex. */
  readonly indexId: string
  /** This device with a new incarnation. */
  readonly newWriter: WriterId
}

export interface OpenIndexOptions extends Beginning {
  /** The index may be an older state of itself: what this device counts from now on is counted anew. */
  readonly isSetBack?: boolean
  readonly nowMs?: () => number
}

/** Former ids of an index that are remembered; devices that know an older one are sent everything. */
const FORMER_IDS_MAX = 256

export class SyncIndex {
  readonly #store: SyncStore
  readonly #nowMs: () => number
  readonly #mutex = new Mutex()
  readonly #slices = new Slices()
  #state: IndexState
  #loops: ReadonlySet<ObjectId>

  private constructor(store: SyncStore, state: IndexState, nowMs: () => number) {
    this.#store = store
    this.#state = state
    this.#loops = new Set(state.loops)
    this.#nowMs = nowMs
  }

  /** To be called once whenever the device starts: an index has another id in each run, and a new one has a new writer. */
  static async open(store: SyncStore, options: OpenIndexOptions): Promise<SyncIndex> {
    const { indexId, newWriter, isSetBack = false, nowMs = Date.now } = options
    const before = await store.readState()
    const state: IndexState =
      before === undefined
        ? { own: { indexId, sequence: 0 }, former: [], lost: [], writer: newWriter, counter: 0, loops: [] }
        : {
            ...before,
            own: { indexId, sequence: before.own.sequence },
            former: [...before.former, before.own].slice(-FORMER_IDS_MAX),
            ...(isSetBack ? { writer: newWriter, counter: 0 } : {}),
          }
    await store.write({ state, entries: [] })
    return new SyncIndex(store, state, nowMs)
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

  /** Whether this is a state that the index has been in. */
  hasBeen({ indexId, sequence }: Cursor): boolean {
    return [...this.#state.former, this.#state.own].some((one) => one.indexId === indexId && sequence <= one.sequence)
  }

  async get(id: ObjectId): Promise<SyncEntry | undefined> {
    return (await this.#store.readEntries([id]))[0]?.entry
  }

  readChildren(parent: ObjectId, name?: string): AsyncIterable<SyncEntry> {
    return this.#store.readChildren(parent, name)
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
    })
  }

  /** Writes what `work` changes, once it has ended. If it fails nothing is changed. */
  change<T>(work: (change: IndexChange) => Promise<T>): Promise<T> {
    return this.#mutex.run(async () => {
      const change = new IndexChange(this.#store, this.#state, this.#nowMs)
      const result = await work(change)
      await this.#write(change, undefined)
      return result
    })
  }

  /** Merges another device's entries; `cursor`: what is kept of its index then. Resolves once it is durable. */
  take(device: string, entries: readonly SyncEntry[], cursor: Cursor | undefined): Promise<void> {
    return this.#mutex.run(async () => {
      const change = new IndexChange(this.#store, this.#state, this.#nowMs)
      await change.read(entries.map(({ id }) => id))
      for (const entry of entries) {
        await this.#slices.next()
        await change.merge(entry)
      }
      await this.#write(change, cursor && { device, cursor })
    })
  }

  async #write(change: IndexChange, cursor: { device: string; cursor: Cursor } | undefined): Promise<void> {
    const entries = change.changes()
    if (entries.length === 0 && cursor === undefined) return
    const placed = entries.filter(isPlacedAnew).map(({ after }) => after.entry.id)
    const loops = placed.length === 0 ? this.#loops : await findLoops(placed, this.#loops, (id) => change.get(id))
    const { own, counter } = this.#state
    const state: IndexState = {
      ...this.#state,
      own: { ...own, sequence: own.sequence + entries.length },
      counter: counter + change.stamps,
      loops: [...loops].sort(),
    }
    const before = this.#loops
    // Whoever reads meanwhile sees no circle, whichever of the entries are there already.
    this.#loops = new Set([...before, ...loops])
    try {
      await this.#store.write({ state, entries, cursor })
      this.#state = state
    } finally {
      this.#loops = this.#state === state ? loops : before
    }
  }
}

/** Changes that become one write. */
export class IndexChange {
  readonly #store: SyncStore
  readonly #state: IndexState
  readonly #nowMs: () => number
  readonly #before = new Map<ObjectId, StoredEntry | undefined>()
  /** In the order in which they get their numbers. */
  readonly #after = new Map<ObjectId, SyncEntry>()
  stamps = 0

  constructor(store: SyncStore, state: IndexState, nowMs: () => number) {
    this.#store = store
    this.#state = state
    this.#nowMs = nowMs
  }

  /** For one more change of this device. */
  stamp(): Stamp {
    this.stamps++
    return { dot: { writer: this.#state.writer, counter: this.#state.counter + this.stamps }, nowMs: this.#nowMs() }
  }

  /** Reads them all at once, so that `get` finds them. */
  async read(ids: readonly ObjectId[]): Promise<void> {
    const stored = await this.#store.readEntries(ids)
    ids.forEach((id, index) => {
      this.#before.set(id, stored[index])
    })
  }

  /** As it is with the changes made so far. */
  async get(id: ObjectId): Promise<SyncEntry | undefined> {
    const after = this.#after.get(id)
    if (after !== undefined) return after
    if (!this.#before.has(id)) await this.read([id])
    return this.#before.get(id)?.entry
  }

  async put(entry: SyncEntry): Promise<void> {
    if (!this.#before.has(entry.id)) await this.read([entry.id])
    this.#after.delete(entry.id)
    this.#after.set(entry.id, entry)
  }

  async merge(remote: SyncEntry): Promise<void> {
    const local = await this.get(remote.id)
    if (local === undefined) return this.put(remote)
    const { entry, copy } = mergeEntries(local, remote)
    // First what would be lost: whoever hears of the entry hears of its copy no later.
    if (copy !== undefined) await this.merge(copy)
    if (!encodeSyncEntry(entry).equals(encodeSyncEntry(local))) await this.put(entry)
  }

  changes(): ChangedEntry[] {
    const { sequence } = this.#state.own
    return [...this.#after.values()].map((entry, index) => {
      return { before: this.#before.get(entry.id), after: { entry, sequence: sequence + index + 1 } }
    })
  }
}

/** Also to where it was: the move is a later one then. */
function isPlacedAnew({ before, after }: ChangedEntry): boolean {
  if (after.entry.kind !== 'directory') return false
  return before === undefined || compareOrigins(before.entry.placement, after.entry.placement) !== 0
}
