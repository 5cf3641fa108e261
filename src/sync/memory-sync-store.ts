/**
 * The index of a synced folder in memory.
 */
import type { ByteString } from '../dfs.ts'
import { encodeSyncEntry, type ObjectId, type SyncEntry } from '../format/sync-entry.ts'
import type { Cursor } from '../format/sync-message.ts'
import type { IndexBatch, IndexState, OnDisk, ReadLimits, StoredEntry } from '../format/sync-record.ts'
import { isAlive } from './entry-merge.ts'
import type { SyncStore } from './sync-store.ts'

export class MemorySyncStore implements SyncStore {
  #state: IndexState | undefined
  #entries = new Map<ObjectId, StoredEntry>()
  /** In the order of the numbers, for numbers only grow. */
  #changes = new Map<number, ObjectId>()
  #children = new Map<ObjectId, ReadonlySet<ObjectId>>()
  #cursors = new Map<string, Cursor>()
  #behind = new Map<ObjectId, OnDisk>()

  /** What is in it now, as another one. */
  copy(): MemorySyncStore {
    const copy = new MemorySyncStore()
    copy.#state = this.#state
    copy.#entries = new Map(this.#entries)
    copy.#changes = new Map(this.#changes)
    copy.#children = new Map(this.#children)
    copy.#cursors = new Map(this.#cursors)
    copy.#behind = new Map(this.#behind)
    return copy
  }

  async readState(): Promise<IndexState | undefined> {
    return this.#state
  }

  async readEntries(ids: readonly ObjectId[]): Promise<(StoredEntry | undefined)[]> {
    return ids.map((id) => this.#entries.get(id))
  }

  async *readChildren(parent: ObjectId, name?: ByteString): AsyncGenerator<SyncEntry> {
    const entries = [...(this.#children.get(parent) ?? [])].map((id) => this.#entries.get(id)!.entry)
    for (const alive of [true, false]) {
      for (const entry of entries) {
        if (isAlive(entry) !== alive || (!alive && entry.kind !== 'directory')) continue
        for (const place of entry.placement.value.places) {
          if (place.parent === parent && (name === undefined || place.name === name)) yield entry
        }
      }
    }
  }

  async readChanges(
    after: number,
    limits: ReadLimits,
  ): Promise<{ entries: Buffer[]; numbers: number[]; upTo: number }> {
    const entries: Buffer[] = []
    const end = Math.min(limits.upTo ?? Number.POSITIVE_INFINITY, this.#state?.own.sequence ?? 0)
    const numbers: number[] = []
    let bytes = 0
    let upTo = after
    for (const [sequence, id] of this.#changes) {
      if (sequence <= after || sequence > end) continue
      const entry = encodeSyncEntry(this.#entries.get(id)!.entry)
      bytes += entry.length
      if (entries.length === limits.entries || (entries.length > 0 && bytes > limits.bytes))
        return { entries, numbers, upTo }
      entries.push(entry)
      numbers.push(sequence)
      upTo = sequence
    }
    return { entries, numbers, upTo: Math.max(after, end) }
  }

  async readCursor(device: string): Promise<Cursor | undefined> {
    return this.#cursors.get(device)
  }

  async readBehind(): Promise<ReadonlyMap<ObjectId, OnDisk>> {
    return new Map(this.#behind)
  }

  async write({ state, entries, cursor, behind = new Map() }: IndexBatch): Promise<void> {
    this.#state = state
    for (const { before, after } of entries) {
      if (before !== undefined) {
        this.#changes.delete(before.sequence)
        for (const { parent } of before.entry.placement.value.places)
          this.#alter(parent, (ids) => ids.delete(after.entry.id))
      }
      this.#entries.set(after.entry.id, after)
      this.#changes.set(after.sequence, after.entry.id)
      for (const { parent } of after.entry.placement.value.places) this.#alter(parent, (ids) => ids.add(after.entry.id))
    }
    if (cursor !== undefined) this.#cursors.set(cursor.device, cursor.cursor)
    for (const [id, onDisk] of behind) {
      if (onDisk === undefined) this.#behind.delete(id)
      else this.#behind.set(id, onDisk)
    }
  }

  #alter(parent: ObjectId, change: (ids: Set<ObjectId>) => void): void {
    const ids = new Set(this.#children.get(parent))
    change(ids)
    this.#children.set(parent, ids)
  }
}
