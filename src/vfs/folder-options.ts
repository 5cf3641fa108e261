/** What a folder is opened with. */
import type { BlockSource, BlockStore, ReplicaCounter } from '../dfs.ts'
import type { Keys } from '../seal/keys.ts'
import type { SealPool } from '../seal/pool.ts'
import type { DirtyMemory } from './dirty-memory.ts'
import type { AttributeIndex, Journal } from './services.ts'

export interface FolderOptions {
  /** The directory, as text; it must be there. */
  path: string
  store: BlockStore
  /** Where blocks come from that are not in the store; undefined: from nowhere. */
  source?: BlockSource | undefined
  /** Any directory on the disk that the blocks are on, for `statfs`. */
  storeDir: string
  /** Opens the journal of the folder with this id. */
  openJournal(id: string): Promise<Journal>
  pool: SealPool
  keys: Keys
  index: AttributeIndex
  /** Shared by all folders of the process. */
  dirty: DirtyMemory
  /** How much opened plaintext may stay in memory, in bytes. */
  cacheBytesMax: number
  /** Whether reads of this process may have blocks fetched; without it, everybody's may. */
  mayFetch?: ((pid: number) => boolean) | undefined
  /** How long a file must have stood unchanged for its deletion to keep a version. */
  deletedAgeMsMin: number
  /** What other devices hold; undefined: nothing. */
  replicas?: ReplicaCounter | undefined
}
