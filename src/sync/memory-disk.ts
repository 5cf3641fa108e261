/**
 * A folder in memory, as synchronisation and programs use it.
 */
import assert from 'node:assert/strict'
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { joinPath, lastName, parentPath } from '../format/head-path.ts'
import type { ObjectId } from '../format/sync-entry.ts'
import type { DiskObject, Incoming, Looked, ObjectState, SyncDisk } from './disk.ts'

interface Node {
  readonly identity: string
  id: ObjectId | undefined
  state: ObjectState
  readonly children: Map<ByteString, Node>
  isBusy: boolean
}

export class MemoryDisk implements SyncDisk {
  readonly setsOwners = true
  #root: Node
  #parked = new Map<string, Node>()
  #count = 0
  isThere = true
  /** Called before each change that synchronisation makes; for tests that have it fail. */
  onStep: () => void = () => {}

  constructor() {
    this.#root = this.#node(undefined, {
      kind: 'directory',
      content: { kind: 'nothing' },
      mtimeNs: 0n,
      attributes: { mode: 0o755, uid: 0, gid: 0, xattrs: [] },
    })
  }

  look(path: ByteString): Looked {
    const node = this.#find(path)
    if (node === undefined) return undefined
    return node.isBusy ? 'busy' : this.#object(node)
  }

  requireThere(): void {
    if (!this.isThere) throw new DfsError('needs-confirmation', 'the folder is not there')
  }

  async list(path: ByteString): Promise<ByteString[]> {
    return [...(this.#find(path)?.children.keys() ?? [])]
  }

  async prepare(files: readonly Incoming[]): Promise<void> {
    if (files.length > 0) this.onStep()
  }

  discardPrepared(): void {}

  isPrepared(_file: Incoming): boolean {
    return true
  }

  make(path: ByteString, id: ObjectId | undefined, state: ObjectState): void {
    this.onStep()
    this.#put(path, this.#node(id, state))
  }

  replace(path: ByteString, id: ObjectId | undefined, state: ObjectState): void {
    this.onStep()
    const node = this.#free(path)
    assert(node.state.kind !== 'directory')
    node.state = state
    node.id = carriesId(state) ? id : undefined
  }

  describe(path: ByteString, { mtimeNs, attributes }: Pick<ObjectState, 'mtimeNs' | 'attributes'>): void {
    this.onStep()
    const node = this.#free(path)
    node.state = { ...node.state, mtimeNs, attributes }
  }

  mark(path: ByteString, id: ObjectId): void {
    this.onStep()
    const node = this.#free(path)
    assert(carriesId(node.state))
    node.id = id
  }

  link(from: ByteString, to: ByteString): void {
    this.onStep()
    const node = this.#at(from)
    assert(node.state.kind !== 'directory')
    this.#put(to, node)
  }

  move(from: ByteString, to: ByteString): void {
    this.onStep()
    const node = this.#at(from)
    if (to === from || to.startsWith(`${from}/`)) throw new DfsError('invalid', 'into itself')
    this.#put(to, node)
    this.#take(from)
  }

  park(path: ByteString, key: string): void {
    this.onStep()
    assert(!this.#parked.has(key))
    this.#parked.set(key, this.#at(path))
    this.#take(path)
  }

  unpark(key: string, path: ByteString): void {
    this.onStep()
    this.#put(path, this.#parked.get(key)!)
    this.#parked.delete(key)
  }

  async parked(): Promise<string[]> {
    return [...this.#parked.keys()]
  }

  remove(path: ByteString): void {
    this.onStep()
    if (this.#free(path).children.size > 0) throw new DfsError('not-empty', 'the directory is not empty')
    this.#take(path)
  }

  async settle(): Promise<void> {}

  async sync(): Promise<void> {
    this.onStep()
  }

  /** A program is writing to it, or has ended that. */
  setBusy(path: ByteString, isBusy: boolean): void {
    this.#at(path).isBusy = isBusy
  }

  /** All paths but the root's, with what is there. */
  *walk(path: ByteString = ''): Generator<[path: ByteString, object: DiskObject]> {
    for (const [name, node] of this.#find(path)?.children ?? []) {
      const at = joinPath(path, name)
      yield [at, this.#object(node)]
      yield* this.walk(at)
    }
  }

  #object({ identity, id, state }: Node): DiskObject {
    return { ...state, identity, id }
  }

  #node(id: ObjectId | undefined, state: ObjectState): Node {
    return {
      identity: `${++this.#count}`,
      id: carriesId(state) ? id : undefined,
      state,
      children: new Map(),
      isBusy: false,
    }
  }

  #find(path: ByteString): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of path === '' ? [] : path.split('/')) node = node?.children.get(name)
    return node
  }

  #at(path: ByteString): Node {
    const node = this.#find(path)
    if (node === undefined) throw new DfsError('not-found', `nothing stands at ${path}`)
    return node
  }

  /** What nobody is changing. */
  #free(path: ByteString): Node {
    const node = this.#at(path)
    assert(!node.isBusy, `${path} is busy`)
    return node
  }

  #put(path: ByteString, node: Node): void {
    const parent = this.#at(parentPath(path)!)
    if (parent.state.kind !== 'directory') throw new DfsError('not-a-directory', 'is in no directory')
    if (parent.children.has(lastName(path))) throw new DfsError('exists', `${path} is there`)
    parent.children.set(lastName(path), node)
  }

  #take(path: ByteString): void {
    this.#find(parentPath(path)!)!.children.delete(lastName(path))
  }
}

/** As on a disk: a symbolic link or fifo has nowhere to carry it. */
function carriesId({ kind }: ObjectState): boolean {
  return kind === 'directory' || kind === 'file'
}
