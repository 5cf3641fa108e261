/**
 * The tree of one folder, kept up to date while the folder is open: walked once, and from then on changed where the folder
 * did. Until the walk is done the tree is the one of the head before; a folder that cannot be read keeps it.
 */
import type { Slices } from '../concurrency/slices.ts'
import type { ByteString, ObjectChange } from '../dfs.ts'
import type { DfsError } from '../errors.ts'
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

export class FolderTree {
  readonly #folder: TreeFolder
  readonly #keys: Keys
  readonly #dirty = new DirtyPaths()
  #linkNames = new LinkNames()
  #state: TreeState | undefined

  /** `state`: of the head before. All of the folder is to be looked at. */
  constructor(folder: TreeFolder, { keys, state }: { keys: Keys; state: TreeState | undefined }) {
    this.#folder = folder
    this.#keys = keys
    this.#state = state
    this.#dirty.addAll()
  }

  /** Undefined before the first walk. */
  get state(): TreeState | undefined {
    return this.#state
  }

  /** Whether the folder may differ from the tree. */
  get isDirty(): boolean {
    return !this.#dirty.isEmpty
  }

  /** Whether all of the folder is to be looked at. */
  get isUnknown(): boolean {
    return this.#dirty.isAll
  }

  note(change: ObjectChange): void {
    this.#dirty.add(change)
  }

  /** The tree is to be made whole again: its secrets are others now. */
  forget(): void {
    this.#dirty.addAll()
  }

  /**
   * Brings the tree to where the folder is now; what changes meanwhile is for the next time. Fails if something of the
   * folder cannot be read, or the disk is full: then the tree is what it was, and as much is to be done as before.
   */
  async update(update: TreeUpdate): Promise<void> {
    await this.#folder.settle()
    const taken = this.#dirty.take()
    try {
      if (taken.isAll || this.#state === undefined) await this.#walk(update)
      else this.#state = { ...this.#state, root: await this.#change(this.#state.root, taken, update) }
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
  }

  #change(before: HeadRoot, dirty: DirtyPaths, { nodes, slices, signal }: TreeUpdate): Promise<HeadRoot> {
    const options = { ...this.#walkOptions(nodes, slices), linkNames: this.#linkNames, before, nodes }
    return updateHead(before, paced<HeadChange>(folderChanges(dirty, options), slices, signal), nodes)
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
    const former = this.#state && (await findEntry(this.#state.root, path, nodes))
    return former?.kind === 'directory' ? undefined : former
  }
}

async function* paced<T>(items: AsyncIterable<T>, slices: Slices, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    await slices.next()
    signal.throwIfAborted()
    yield item
  }
}
