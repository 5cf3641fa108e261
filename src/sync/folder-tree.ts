/**
 * The tree of one folder, kept up to date while the folder is open: walked once, and from then on changed where the folder
 * did. Until the walk is done the tree is the one of the head before; a folder that cannot be read keeps it.
 */
import type { Slices } from '../concurrency/slices.ts'
import type { ByteString, ObjectChange } from '../dfs.ts'
import { type DfsError, type ErrorKind, kindOf } from '../errors.ts'
import type { HeadEntry } from '../format/head-entry.ts'
import type { Keys } from '../seal/keys.ts'
import type { NodeIo } from '../seal/manifest-tree.ts'
import { buildHead, type HeadChange, updateHead } from './head-build.ts'
import type { HeadSealer } from './head-builder.ts'
import { folderChanges } from './head-changes.ts'
import { DirtyPaths } from './head-dirty.ts'
import { LinkNames } from './head-links.ts'
import type { HeadRoot } from './head-nodes.ts'
import { findEntry } from './head-read.ts'
import { FolderWalk } from './head-walk.ts'

/** A tree, and what its folder has that it has not. */
export interface TreeState {
  readonly root: HeadRoot
  /** As of the last time that all of the folder was walked. */
  readonly plainFiles: number
  readonly leftOut: number
}

export interface TreeFolder {
  /** A descriptor of the folder's directory. */
  readonly directoryFd: number
  /** Brings what is committed into the stubs: a tree holds what they do. */
  settle(): Promise<void>
}

export interface TreeUpdate {
  /** What is sealed stays pinned until its owner says otherwise. */
  readonly nodes: HeadSealer & NodeIo
  readonly slices: Slices
  /** Fails the update with its reason. */
  readonly signal: AbortSignal
}

/** They are sorted in one go. */
const CHANGES_AT_ONCE = 2_000
/** What reading a node says that is nowhere in reach, or damaged. */
const NODE_IS_LOST: ReadonlySet<ErrorKind> = new Set(['unreachable', 'timeout', 'corrupt', 'newer-version'])

export class FolderTree {
  readonly #folder: TreeFolder
  readonly #keys: Keys
  readonly #dirty = new DirtyPaths()
  #linkNames = new LinkNames()
  #state: TreeState | undefined
  /** All of the folder is to be looked at. */
  #isUnknown = true

  /** `state`: of the head before. All of the folder is to be looked at. */
  constructor(folder: TreeFolder, { keys, state }: { keys: Keys; state: TreeState | undefined }) {
    this.#folder = folder
    this.#keys = keys
    this.#state = state
  }

  /** Undefined before the first walk. */
  get state(): TreeState | undefined {
    return this.#state
  }

  /** Whether the folder may differ from the tree. */
  get isDirty(): boolean {
    return this.#isUnknown || this.#dirty.size > 0
  }

  note(change: ObjectChange): void {
    this.#dirty.add(change)
  }

  /** The tree is to be made whole again: its secrets are others now. */
  forget(): void {
    this.#isUnknown = true
  }

  /**
   * Brings the tree to where the folder is now; what changes meanwhile is for the next time. Fails if something of the
   * folder cannot be read, or the disk is full: then the tree is one that it was, and what is left is done the next time.
   */
  async update(update: TreeUpdate): Promise<void> {
    if (!this.#isUnknown && !this.#dirty.isAll && this.#state !== undefined) return this.catchUp(update)
    await this.#folder.settle()
    await this.#with(this.#dirty.take(), () => this.#walk(update))
  }

  /** The same without walking all of the folder: what is known to have changed changes the tree of before, if there is one. */
  async catchUp(update: TreeUpdate): Promise<void> {
    await this.#folder.settle()
    for (let left = this.#dirty.size; left > 0 && !this.#dirty.isAll && this.#state !== undefined; ) {
      const taken = this.#dirty.take(CHANGES_AT_ONCE)
      left -= taken.size
      await this.#with(taken, () => this.#change(taken, update))
    }
  }

  async #with(taken: DirtyPaths, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#dirty.putBack(taken)
      throw error
    }
  }

  async #walk({ nodes, slices, signal }: TreeUpdate): Promise<void> {
    const linkNames = new LinkNames()
    const walk = new FolderWalk({ ...this.#walkOptions(nodes, slices), linkNames })
    const root = await buildHead(paced(walk, slices, signal), nodes)
    this.#linkNames = linkNames
    this.#state = { root, plainFiles: walk.plainFiles, leftOut: walk.leftOut }
    this.#isUnknown = false
  }

  async #change(dirty: DirtyPaths, { nodes, slices, signal }: TreeUpdate): Promise<void> {
    const state = this.#state!
    const before = state.root
    const options = { ...this.#walkOptions(nodes, slices), linkNames: this.#linkNames, before, nodes }
    try {
      const changes = folderChanges(dirty, options)
      this.#state = { ...state, root: await updateHead(before, paced<HeadChange>(changes, slices, signal), nodes) }
    } catch (error) {
      // If it is the tree that cannot be read, a walk makes it whole again.
      if (NODE_IS_LOST.has(kindOf(error))) this.#isUnknown = true
      throw error
    }
  }

  #walkOptions(nodes: NodeIo, slices: Slices) {
    return {
      rootFd: this.#folder.directoryFd,
      keys: this.#keys,
      slices,
      // Of what cannot be read the last that was known is better than nothing.
      onLeftOut: (path: ByteString, _why: DfsError) => this.#formerEntry(path, nodes),
    }
  }

  async #formerEntry(path: ByteString, nodes: NodeIo): Promise<HeadEntry | undefined> {
    try {
      const former = this.#state && (await findEntry(this.#state.root, path, nodes))
      return former?.kind === 'directory' ? undefined : former
    } catch (error) {
      if (NODE_IS_LOST.has(kindOf(error))) return undefined
      throw error
    }
  }
}

async function* paced<T>(items: AsyncIterable<T>, slices: Slices, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    await slices.next()
    signal.throwIfAborted()
    yield item
  }
}
