/**
 * The tree of what the index of a folder says, for heads: each entry under the number of its last change, so that what
 * changes together stands together. Kept up to date while the index is open.
 */
import type { Slices } from '../concurrency/slices.ts'
import type { ByteString } from '../dfs.ts'
import { encodeItem, HEAD_ITEM_BYTES_MAX } from '../format/head-node.ts'
import { decodeSyncEntry, encodeSyncEntry, type ObjectId, type SyncEntry } from '../format/sync-entry.ts'
import type { NodeReader } from '../seal/manifest-tree.ts'
import type { TreeUpdate } from './folder-tree.ts'
import { buildTree, type ItemChange, type TreeItem, updateTree } from './head-build.ts'
import type { HeadRoot } from './head-nodes.ts'
import { readItems } from './head-read.ts'
import type { OnNumbered, SyncIndex } from './sync-index.ts'

const READ_AT_ONCE = { entries: 1024, bytes: 1_048_576 }
/** Names of all numbers have one length, and so their order. */
const NAME_DIGITS = 14

export type TreeIndex = Pick<SyncIndex, 'get' | 'readChanges' | 'onNumbered'>

export class IndexTree implements Disposable {
  readonly #index: TreeIndex
  readonly #unlisten: () => void
  /** Numbers that the tree may not have as the index does, and whose they are: nobody's, if undefined. */
  #touched = new Map<number, ObjectId | undefined>()
  #root: HeadRoot | undefined

  /** All of the index is to be read. `onChange` hears of changes, and whether there was something to be done before. */
  constructor(index: TreeIndex, onChange: (wasDirty: boolean) => void) {
    this.#index = index
    const note: OnNumbered = (entries) => {
      const wasDirty = this.isDirty
      for (const { before, after } of entries) {
        if (before !== undefined) this.#touched.set(before.sequence, undefined)
        this.#touched.set(after.sequence, after.entry.id)
      }
      if (entries.length > 0) onChange(wasDirty)
    }
    this.#unlisten = index.onNumbered(note)
  }

  /** Undefined before the first update. */
  get root(): HeadRoot | undefined {
    return this.#root
  }

  get isDirty(): boolean {
    return this.#root === undefined || this.#touched.size > 0
  }

  /** The tree is to be made whole again: its secrets are others now. */
  forget(): void {
    this.#root = undefined
  }

  /** Brings the tree to where the index is now; what changes meanwhile is for the next time. If it fails, all is. */
  async update({ nodes, slices, signal }: TreeUpdate): Promise<void> {
    const touched = this.#touched
    const root = this.#root
    this.#touched = new Map()
    this.#root = undefined
    if (root === undefined) this.#root = await buildTree(this.#all(slices, signal), nodes)
    else this.#root = await updateTree(root, this.#changes(touched, slices, signal), nodes)
  }

  [Symbol.dispose](): void {
    this.#unlisten()
  }

  /** An entry that changes meanwhile comes as it was, as it is, or both. */
  async *#all(slices: Slices, signal: AbortSignal): AsyncGenerator<TreeItem> {
    for (let after = 0; ; ) {
      const { entries, numbers, upTo } = await this.#index.readChanges(after, READ_AT_ONCE)
      if (entries.length === 0) return
      for (const [at, record] of entries.entries()) {
        await slices.next()
        signal.throwIfAborted()
        const path = nameOf(numbers[at]!)
        const item = itemOf(path, record)
        if (item !== undefined) yield { path, item }
      }
      after = upTo
    }
  }

  async *#changes(
    touched: ReadonlyMap<number, ObjectId | undefined>,
    slices: Slices,
    signal: AbortSignal,
  ): AsyncGenerator<ItemChange> {
    for (const [number, id] of [...touched].sort(([a], [b]) => a - b)) {
      await slices.next()
      signal.throwIfAborted()
      const entry = id === undefined ? undefined : await this.#index.get(id)
      const path = nameOf(number)
      yield { path, item: entry && itemOf(path, encodeSyncEntry(entry)) }
    }
  }
}

/** All entries of such a tree. Fails with `corrupt`, `newer-version`, and as `readNode` does. */
export async function* readIndexTree(root: HeadRoot, nodes: NodeReader): AsyncGenerator<SyncEntry> {
  for await (const { record } of readItems(root, nodes)) yield decodeSyncEntry(record)
}

function nameOf(number: number): ByteString {
  return number.toString(16).padStart(NAME_DIGITS, '0')
}

/** Undefined for one that is too long: an object of a hundred long names. */
function itemOf(path: ByteString, record: Buffer): Buffer | undefined {
  const item = encodeItem(path, record)
  return item.length <= HEAD_ITEM_BYTES_MAX ? item : undefined
}
