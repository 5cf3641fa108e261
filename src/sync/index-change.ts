/**
 * Changes of an index of a synced folder that become one write.
 *
 * Those of the disk are made to what the disk shows, by somebody who does not know what the index has heard of meanwhile:
 * where that differs they are merged with it.
 */
import { encodeSyncEntry, type ObjectId, type SyncEntry } from '../format/sync-entry.ts'
import type { Cursor } from '../format/sync-message.ts'
import type { ChangedEntry, IndexState, NumberRange, OnDisk, StoredEntry } from '../format/sync-record.ts'
import type { Behind } from './behind.ts'
import type { Stamp } from './entry-change.ts'
import { mergeEntries } from './entry-merge.ts'
import type { SyncStore } from './sync-store.ts'

export interface IndexChangeOptions {
  readonly store: SyncStore
  readonly state: IndexState
  readonly behind: Behind
  /** What is changed is what the disk shows. */
  readonly isOfDisk: boolean
  /** There was no index when the device started. */
  readonly isNew: boolean
  readonly nowMs: () => number
}

export class IndexChange {
  readonly #store: SyncStore
  readonly #state: IndexState
  readonly #nowMs: () => number
  readonly #before = new Map<ObjectId, StoredEntry | undefined>()
  /** In the order in which they get their numbers. */
  readonly #after = new Map<ObjectId, SyncEntry>()
  readonly #disk: Behind
  readonly #isOfDisk: boolean
  readonly isNew: boolean
  /** What becomes of `#disk`. */
  readonly #behind = new Map<ObjectId, OnDisk | undefined>()
  /** Merged, and so not on the disk. */
  readonly #unshown = new Set<ObjectId>()
  stamps = 0

  constructor({ store, state, behind, isOfDisk, isNew, nowMs }: IndexChangeOptions) {
    this.#store = store
    this.#state = state
    this.#disk = behind
    this.#isOfDisk = isOfDisk
    this.isNew = isNew
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
    const onDisk = this.#isOfDisk ? this.#onDisk(id) : undefined
    return onDisk === undefined ? this.getLatest(id) : onDisk.entry
  }

  #onDisk(id: ObjectId): OnDisk | undefined {
    return this.#behind.has(id) ? this.#behind.get(id) : this.#disk.get(id)
  }

  /** The same of the index, also where the disk shows another state. */
  async getLatest(id: ObjectId): Promise<SyncEntry | undefined> {
    const after = this.#after.get(id)
    if (after !== undefined) return after
    if (!this.#before.has(id)) await this.read([id])
    return this.#before.get(id)?.entry
  }

  async put(entry: SyncEntry): Promise<void> {
    if (!this.#isOfDisk || this.#onDisk(entry.id) === undefined) return this.#putLatest(entry)
    // Somebody who does not know what the index has heard of meanwhile.
    this.#behind.set(entry.id, { entry })
    await this.#mergeLatest(entry)
    if (isSame(entry, await this.getLatest(entry.id))) this.#behind.set(entry.id, undefined)
  }

  async #putLatest(entry: SyncEntry): Promise<void> {
    if (!this.#before.has(entry.id)) await this.read([entry.id])
    this.#after.delete(entry.id)
    this.#after.set(entry.id, entry)
  }

  /** Takes in what another device has; the disk does not show it yet. */
  async merge(remote: SyncEntry): Promise<void> {
    await this.#mergeLatest(remote)
  }

  async #mergeLatest(remote: SyncEntry): Promise<void> {
    const local = await this.getLatest(remote.id)
    if (local === undefined) return this.#putUnshown(remote)
    const { entry, copy } = mergeEntries(local, remote)
    // First what would be lost: whoever hears of the entry hears of its copy no later.
    if (copy !== undefined) await this.#mergeLatest(copy)
    if (!isSame(entry, local)) await this.#putUnshown(entry)
  }

  async #putUnshown(entry: SyncEntry): Promise<void> {
    await this.#putLatest(entry)
    this.#unshown.add(entry.id)
  }

  /** What the disk shows another state of with these changes, or has caught up with. */
  behind(): ReadonlyMap<ObjectId, OnDisk | undefined> {
    const behind = new Map(this.#behind)
    for (const id of this.#unshown) {
      if (!behind.has(id) && !this.#disk.has(id)) behind.set(id, { entry: this.#before.get(id)?.entry })
    }
    return behind
  }

  /** Under which numbers the index has these as they are. */
  numbersOf(entries: readonly SyncEntry[]): NumberRange[] {
    const wanted = new Map(entries.map((entry) => [entry.id, entry]))
    const ranges: NumberRange[] = []
    for (const { after } of this.changes()) {
      const { entry, sequence } = after
      const one = wanted.get(entry.id)
      if (one === undefined || !isSame(entry, one)) continue
      const last = ranges.at(-1)
      if (last?.upTo === sequence - 1) ranges[ranges.length - 1] = { after: last.after, upTo: sequence }
      else ranges.push({ after: sequence - 1, upTo: sequence })
    }
    return ranges
  }

  changes(): ChangedEntry[] {
    const { sequence } = this.#state.own
    return [...this.#after.values()].map((entry, index) => {
      return { before: this.#before.get(entry.id), after: { entry, sequence: sequence + index + 1 } }
    })
  }
}

export function isSame(a: SyncEntry | undefined, b: SyncEntry | undefined): boolean {
  if (a === b || a === undefined || b === undefined) return a === b
  return encodeSyncEntry(a).equals(encodeSyncEntry(b))
}

/** Whether an index of this state has been in that one. */
export function hasStateBeen({ own, former }: IndexState, { indexId, sequence }: Cursor): boolean {
  return [...former, own].some((one) => one.indexId === indexId && sequence <= one.sequence)
}
