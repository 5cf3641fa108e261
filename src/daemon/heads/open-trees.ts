/**
 * The trees of the folders that are open, and when each is to be brought up to date: some seconds after the last change, or
 * half a minute after the first; later where that failed.
 */
import type { ObjectChange } from '../../dfs.ts'
import { describeError, kindOf } from '../../errors.ts'
import { warn } from '../../log.ts'
import type { Keys } from '../../seal/keys.ts'
import { FolderTree, type TreeState, type TreeUpdate } from '../../sync/folder-tree.ts'
import type { HeadRoot } from '../../sync/head-nodes.ts'
import { IndexTree, type TreeIndex } from '../../sync/index-tree.ts'
import type { Folder } from '../../vfs/folder.ts'

export type HeadedFolder = Pick<Folder, 'id' | 'path' | 'directoryFd' | 'settle' | 'onChange'>

export interface TreeTimes {
  readonly quietMs: number
  readonly latestMs: number
  readonly retryMs: number
}

interface OpenIndexTree {
  readonly tree: IndexTree
  readonly leaving: AbortController
  updating: Promise<void> | undefined
}

interface Open {
  readonly folder: HeadedFolder
  readonly tree: FolderTree
  /** While the folder's index is open. */
  index: OpenIndexTree | undefined
  /** Of the index as it was when it was read last. */
  indexRoot: HeadRoot | undefined
  readonly leaving: AbortController
  updating: Promise<void> | undefined
  /** From when it is followed. */
  unlisten: (() => void) | undefined
  /** When the first and the last change came that the tree has not, in ms of the monotonic clock. */
  firstMs: number
  lastMs: number
  /** Not before this. */
  retryMs: number
}

export class OpenTrees {
  readonly #keys: Keys
  readonly #times: TreeTimes
  readonly #onChange: () => void
  readonly #open = new Map<string, Open>()

  constructor(keys: Keys, times: TreeTimes, onChange: () => void) {
    this.#keys = keys
    this.#times = times
    this.#onChange = onChange
  }

  /** A folder that is open now; all of it is to be looked at. `state`: of the head before. */
  add(folder: HeadedFolder, state: TreeState | undefined): void {
    const now = performance.now()
    this.#open.set(folder.id, {
      folder,
      tree: new FolderTree(folder, { keys: this.#keys, state }),
      index: undefined,
      indexRoot: undefined,
      leaving: new AbortController(),
      updating: undefined,
      unlisten: undefined,
      firstMs: now,
      lastMs: now,
      retryMs: Number.NEGATIVE_INFINITY,
    })
  }

  /** Follows the folders from now on: somebody is there for whom. */
  listen(): void {
    for (const open of this.#open.values()) open.unlisten ??= open.folder.onChange((change) => this.#note(open, change))
  }

  /** The index of an open folder is open now: what it says is to be in heads, too. */
  addIndex(id: string, index: TreeIndex): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    const wasDirty = isDirty(open)
    const tree = new IndexTree(index, (wasIndexDirty) => this.#noted(open, wasIndexDirty || open.tree.isDirty))
    open.index = { tree, leaving: new AbortController(), updating: undefined }
    this.#noted(open, wasDirty)
  }

  /** The index is about to be closed; resolves when it is not used any more. What was read of it last stays in heads. */
  async leaveIndex(id: string): Promise<void> {
    const open = this.#open.get(id)
    if (open?.index === undefined) return
    const { tree, leaving, updating } = open.index
    open.index = undefined
    leaving.abort(new Error('the index of the folder is being closed'))
    tree[Symbol.dispose]()
    await updating?.catch(() => undefined)
  }

  /** Ends what is being done to a folder that is about to be closed; resolves when nothing of that uses it any more. */
  async leave(id: string): Promise<void> {
    const open = this.#open.get(id)
    open?.leaving.abort(new Error('the folder is being closed'))
    await open?.updating
  }

  delete(id: string): void {
    const open = this.#open.get(id)
    open?.unlisten?.()
    this.#open.delete(id)
  }

  /** Undefined if the folder is not open, or was never walked. */
  stateOf(id: string): TreeState | undefined {
    return this.#open.get(id)?.tree.state
  }

  /** Undefined if the folder is not open, or its index was never read since it is. */
  indexOf(id: string): HeadRoot | undefined {
    return this.#open.get(id)?.indexRoot
  }

  /** All trees are to be made whole again. */
  forget(): void {
    for (const open of this.#open.values()) {
      if (!isDirty(open)) open.firstMs = open.lastMs = performance.now()
      open.tree.forget()
      open.index?.tree.forget()
    }
    this.#onChange()
  }

  /** In how many milliseconds something is to be done; undefined if nothing is. */
  dueInMs(): number | undefined {
    const now = performance.now()
    const dues = [...this.#open.values()].flatMap((open) => (isDirty(open) ? [this.#dueMs(open) - now] : []))
    return dues.length === 0 ? undefined : Math.max(0, Math.min(...dues))
  }

  /** Brings to date what is due. What fails stays as it was, and is told of. */
  async update(update: TreeUpdate): Promise<void> {
    for (const open of [...this.#open.values()]) {
      if (!isDirty(open) || this.#dueMs(open) > performance.now()) continue
      open.updating = this.#update(open, update)
      await open.updating
    }
  }

  /** Brings to date what is known to have changed in one folder, due or not. Fails as that does. */
  async catchUp(id: string, update: TreeUpdate): Promise<void> {
    await this.#open.get(id)?.tree.catchUp(update)
  }

  /** The same of its index, unless that was never read. */
  async catchUpIndex(id: string, update: TreeUpdate): Promise<void> {
    const open = this.#open.get(id)
    if (open?.index?.tree.root !== undefined) await this.#updateIndex(open, update)
  }

  #note(open: Open, change: ObjectChange): void {
    const wasDirty = isDirty(open)
    open.tree.note(change)
    this.#noted(open, wasDirty)
  }

  #noted(open: Open, wasDirty: boolean): void {
    const now = performance.now()
    if (!wasDirty) open.firstMs = now
    open.lastMs = now
    this.#onChange()
  }

  #dueMs({ firstMs, lastMs, retryMs }: Open): number {
    const { quietMs, latestMs } = this.#times
    return Math.max(retryMs, Math.min(lastMs + quietMs, firstMs + latestMs))
  }

  async #update(open: Open, { nodes, slices, signal }: TreeUpdate): Promise<void> {
    const began = performance.now()
    const either = AbortSignal.any([signal, open.leaving.signal])
    if (either.aborted) return
    try {
      if (open.tree.isDirty) await open.tree.update({ nodes, slices, signal: either })
      // Later than the folder's tree: what is back from a head is made to be as the index says, and not the other way round.
      await this.#updateIndex(open, { nodes, slices, signal: either })
      open.firstMs = began
      open.retryMs = Number.NEGATIVE_INFINITY
    } catch (error) {
      open.retryMs = performance.now() + this.#times.retryMs
      if (either.aborted) return
      const why = kindOf(error) === 'internal' ? String((error as Error).stack) : describeError(error)
      warn(`the head keeps what it said of ${open.folder.path}: ${why}`)
    }
  }

  async #updateIndex(open: Open, { signal, ...by }: TreeUpdate): Promise<void> {
    if (open.index?.tree.isDirty !== true) return
    const { index } = open
    const { tree, leaving } = index
    try {
      index.updating = tree.update({ ...by, signal: AbortSignal.any([signal, leaving.signal]) })
      await index.updating
      open.indexRoot = tree.root
    } catch (error) {
      if (!leaving.signal.aborted) throw error
    }
  }
}

function isDirty({ tree, index }: Open): boolean {
  return tree.isDirty || index?.tree.isDirty === true
}
