/**
 * The index as of what this device's disk shows: changes that others made and that have not come to the disk are not in
 * it. What a program does here, it does to this; it becomes a change of the index as any other device's would, which
 * knows only what its author was shown.
 */
import type { ByteString } from '../dfs.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import { isAlive } from './entry-merge.ts'
import type { IndexChange } from './index-change.ts'
import type { ChangeableTree } from './local-changes.ts'
import type { SyncIndex } from './sync-index.ts'

export class DiskIndex implements ChangeableTree {
  readonly #index: SyncIndex

  constructor(index: SyncIndex) {
    this.#index = index
  }

  get loops(): ReadonlySet<ObjectId> {
    return this.#index.loopsOnDisk
  }

  async get(id: ObjectId): Promise<SyncEntry | undefined> {
    const onDisk = this.#index.behind.get(id)
    return onDisk === undefined ? this.#index.get(id) : onDisk.entry
  }

  async *readChildren(parent: ObjectId, name?: ByteString): AsyncGenerator<SyncEntry> {
    const { behind } = this.#index
    for (const entry of behind.in(parent, name)) if (isAlive(entry) || entry.kind === 'directory') yield entry
    for await (const entry of this.#index.readChildren(parent, name)) if (!behind.has(entry.id)) yield entry
  }

  /** As `SyncIndex.change`. */
  change<T>(work: (change: IndexChange) => Promise<T>): Promise<T> {
    return this.#index.changeOnDisk(work)
  }
}
