/**
 * Where the index of a synced folder is kept. Two implementations: a database, and memory.
 *
 * An entry is found by its id, by the directory and name it has, and by the number of its last change; each costs the
 * same however many there are.
 */
import type { ByteString } from '../dfs.ts'
import type { Cursor } from '../format/sync-message.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import type { WriterId } from '../format/version-vector.ts'

export interface StoredEntry {
  readonly entry: SyncEntry
  /** The number of its last change in this index. */
  readonly sequence: number
}

/** What the index says of itself. */
export interface IndexState {
  /** Its own, and the number of the last change. */
  readonly own: Cursor
  /** Ids that it had before, the oldest first, and the last number that it had under each. */
  readonly former: readonly Cursor[]
  /** Ids that others knew it by, in states that it was set back from. */
  readonly lost: readonly string[]
  /** This device in its present incarnation, and the number of changes that it made. */
  readonly writer: WriterId
  readonly counter: number
  /** Directories that were cut out of circles. */
  readonly loops: readonly ObjectId[]
}

/** A row that changes: what was there, and what is to be. */
export interface ChangedEntry {
  readonly before: StoredEntry | undefined
  readonly after: StoredEntry
}

export interface IndexBatch {
  readonly state: IndexState
  readonly entries: readonly ChangedEntry[]
  /** What is kept of another device's index with this batch. */
  readonly cursor?: { readonly device: string; readonly cursor: Cursor } | undefined
}

export interface ReadLimits {
  readonly entries: number
  /** Length of the entries together; one entry alone may be longer. */
  readonly bytes: number
}

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
  /** The entries changed after this number, encoded, in the order of their numbers, as many as the limits allow; and up to which number these are all. */
  readChanges(after: number, limits: ReadLimits): Promise<{ readonly entries: readonly Buffer[]; readonly upTo: number }>
  /** What is kept of another device's index. */
  readCursor(device: string): Promise<Cursor | undefined>
  /** All of it or nothing; resolves once it is durable. */
  write(batch: IndexBatch): Promise<void>
}
