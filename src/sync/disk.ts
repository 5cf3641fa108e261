/**
 * The folder on this device's disk as synchronisation sees it. Two implementations: a folder of stubs, and memory.
 *
 * Looking and changing are one step each, that nothing comes between: who has looked may change in the same turn. All
 * paths are those that a person sees.
 */
import type { ByteString } from '../dfs.ts'
import type { ObjectId, ObjectKind, SyncAttributes, SyncContent } from '../format/sync-entry.ts'

/** What an object is, apart from where. */
export interface ObjectState {
  readonly kind: ObjectKind
  readonly content: SyncContent
  readonly mtimeNs: bigint
  readonly attributes: SyncAttributes
}

export interface DiskObject extends ObjectState {
  /** What `make` or `mark` said, also after a move of which nobody told, and of a copy; undefined if it carries none, as what is neither file nor directory. */
  readonly id: ObjectId | undefined
  /** Tells it from all others that are on the disk; the same by all of its names. */
  readonly identity: string
}

/** A file that is to come, and what it is to replace if it is there already. */
export interface Incoming {
  readonly id: ObjectId
  readonly state: ObjectState
  readonly over?: ByteString | undefined
}

/** `busy`: somebody is changing it. `foreign`: nothing that is carried to other devices, or damaged. */
export type Looked = DiskObject | 'busy' | 'foreign' | undefined

export interface SyncDisk {
  /** Whether owners can be set here; where not, all is the user's. */
  readonly setsOwners: boolean
  look(path: ByteString): Looked
  /** Fails with `needs-confirmation` if this is not the folder any more: then what is not found is not gone. */
  requireThere(): void
  /** All names in a directory; none if it is not there. Fails if it cannot be read. */
  list(path: ByteString): Promise<ByteString[]>

  /** Writes files for `make` and `replace`; resolves once they are durable. */
  prepare(files: readonly Incoming[]): Promise<void>
  /** What was prepared and not used goes. */
  discardPrepared(): void
  /** Whether `make` or `replace` needs nothing more for this file. */
  isPrepared(file: Incoming): boolean
  /** Makes an object where nothing stands; its directory is there. A file is prepared. */
  make(path: ByteString, id: ObjectId, state: ObjectState): void
  /** Gives a file, which is not busy, other content and attributes, under all its names; who has it open keeps what it was. It is prepared. */
  replace(path: ByteString, id: ObjectId, state: ObjectState): void
  /** Gives an object other attributes, and all but directories another mtime. */
  describe(path: ByteString, state: Pick<ObjectState, 'mtimeNs' | 'attributes'>): void
  /** Has a directory, or a file that is not busy under all its names, carry this id. */
  mark(path: ByteString, id: ObjectId): void
  /** One more name for what is no directory. */
  link(from: ByteString, to: ByteString): void
  /** To a name by which nothing stands. */
  move(from: ByteString, to: ByteString): void
  /** Out of sight, under a key, and back to a name by which nothing stands. */
  park(path: ByteString, key: string): void
  unpark(key: string, path: ByteString): void
  /** Keys of what is parked. */
  parked(): Promise<string[]>
  /** Takes a name away. Fails with `not-empty` for a directory that something is in. */
  remove(path: ByteString): void

  /** Brings what is committed to where `look` sees it. */
  settle(): Promise<void>
  /** Makes everything durable that was done here. */
  sync(): Promise<void>
}
