/**
 * What an opened folder works with; `folder.ts` puts it together once, the parts of the vfs share it.
 */
import type { BlockStore, FileMeta } from '../dfs.ts'
import type { JournalRecord } from '../format/journal-record.ts'
import type { Stat } from '../posix/stat.ts'
import type { Keys } from '../seal/keys.ts'
import type { ChangeFeed } from './change-feed.ts'
import type { ChunkReader } from './chunk-reader.ts'
import type { DirtyMemory } from './dirty-memory.ts'
import type { InodeTable } from './inode-table.ts'
import type { Sealer } from './sealer.ts'
import type { StubTree } from './stub-tree.ts'

/** What a walk needs to know of a stub. */
export interface StubAttributes {
  readonly fileId: Buffer
  readonly sequence: number
  readonly meta: FileMeta
  /** Bytes of content that are not holes. */
  readonly allocatedBytes: number
}

/**
 * Remembers what stubs say, so that a walk reads no stub twice. An entry counts only while the underlying object
 * (device, inode, birth time) has the change time it had when the entry was made.
 */
export interface AttributeIndex {
  get(stat: Stat): StubAttributes | undefined
  put(stat: Stat, attributes: StubAttributes): void
}

/** The journal of one folder, as the store keeps it. */
export interface Journal {
  /** No record is in it. */
  readonly empty: boolean
  readonly bytes: number
  /** What earlier runs left, in order. */
  replay(): Iterable<JournalRecord>
  /** The record survives the end of the process once this returns. Fails with `no-space`; nothing has changed then. */
  append(record: JournalRecord): void
  /** The same for a record that matters only to those after it, and need not be kept before there is one. */
  note(record: JournalRecord): void
  /** Resolves once every record appended before survives power loss. */
  sync(): Promise<void>
  /** The mark stands for every record appended until now. */
  rotate(): number
  /** Forgets the records up to a mark. */
  dropThrough(mark: number): void
  close(): Promise<void>
}

export interface Services {
  readonly table: InodeTable
  readonly tree: StubTree
  readonly store: BlockStore
  readonly journal: Journal
  readonly reader: ChunkReader
  readonly sealer: Sealer
  readonly keys: Keys
  readonly index: AttributeIndex
  readonly dirty: DirtyMemory
  readonly changes: ChangeFeed
}
