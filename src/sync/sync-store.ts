/**
 * Where the index of a synced folder is kept. Two implementations: a database, and memory.
 *
 * An entry is found by its id, by the directory and name it has, and by the number of its last change; each costs the
 * same however many there are.
 */
import type { ByteString } from '../dfs.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import type { Cursor } from '../format/sync-message.ts'
import type { IndexBatch, IndexState, OnDisk, ReadLimits, StoredEntry } from '../format/sync-record.ts'

export interface SyncStore {
  /** Undefined if the index is new. */
  readState(): Promise<IndexState | undefined>
  /** In the order of the ids. */
  readEntries(ids: readonly ObjectId[]): Promise<readonly (StoredEntry | undefined)[]>
  /**
   * What is in a directory, or has this name there: everything that is not deleted, then directories that are (what is in
   * them may be there still). Each object as often as it has names there.
   */
  readChildren(parent: ObjectId, name?: ByteString): AsyncIterable<SyncEntry>
  /** The entries changed after this number, encoded, in the order of their numbers, which come with them; as many as the limits allow, and up to which number these are all. */
  readChanges(
    after: number,
    limits: ReadLimits,
  ): Promise<{ readonly entries: readonly Buffer[]; readonly numbers: readonly number[]; readonly upTo: number }>
  /** What is kept of another device's index. */
  readCursor(device: string): Promise<Cursor | undefined>
  /** All objects of which the disk shows another state than their entries. */
  readBehind(): Promise<ReadonlyMap<ObjectId, OnDisk>>
  /** All of it or nothing; resolves once it is durable. */
  write(batch: IndexBatch): Promise<void>
}
