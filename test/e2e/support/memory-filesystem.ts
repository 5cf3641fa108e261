/**
 * A file system in memory with the operations of the vfs: what drivers are tested against.
 * It counts lookups as strictly as the contract says, so that a driver's account can be checked.
 */
import { constants } from 'node:fs'
import type { ByteString, Ino } from '../../../src/dfs.ts'
import { DfsError, type ErrorKind } from '../../../src/errors.ts'
import type {
  AttributeChanges,
  Attributes,
  Caller,
  DirectoryEntry,
  EntryType,
  FilesystemOperations,
  FilesystemStatistics,
  Lookup,
  Time,
} from '../../../src/vfs/operations.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'

const PAGE_BYTES = 4096
const TYPE_BITS = 0o170000
const DIRECTORY = 0o040000
const FILE = 0o100000
const SYMLINK = 0o120000
const TYPES = new Map<number, EntryType>([
  [DIRECTORY, 'directory'],
  [FILE, 'file'],
  [SYMLINK, 'symlink'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
  [0o020000, 'char'],
  [0o060000, 'block'],
])

interface Node {
  readonly ino: Ino
  mode: number
  nlink: number
  uid: number
  gid: number
  rdev: number
  size: number
  /** Pieces of PAGE_BYTES by their index; what is missing is a hole. */
  readonly pages: Map<number, Buffer>
  atimeNs: bigint
  mtimeNs: bigint
  ctimeNs: bigint
  readonly entries: Map<ByteString, Node>
  parent: Node | undefined
  target: ByteString
  readonly xattrs: Map<ByteString, Buffer>
  lookups: number
  handles: number
}

export class MemoryFilesystem implements FilesystemOperations {
  readonly statistics: FilesystemStatistics = {
    blockBytes: 4096,
    blocks: 1_000_000,
    blocksFree: 500_000,
    blocksAvailable: 400_000,
    files: 1000,
    filesFree: 900,
    nameBytesMax: 255,
  }
  readonly #nodes = new Map<Ino, Node>()
  readonly #handles = new Map<number, Node>()
  #lastIno = 0
  #lastHandle = 0

  constructor() {
    const root = this.#make(DIRECTORY | 0o755, { uid: process.getuid!(), gid: process.getgid!(), pid: 0 })
    root.nlink = 2
  }

  /** What a driver has not given back: numbers of inodes looked up (the root aside), and of handles. */
  get outstanding(): { inodes: number; handles: number } {
    const inodes = [...this.#nodes.values()].filter(({ ino, lookups }) => ino !== ROOT_INO && lookups > 0).length
    return { inodes, handles: this.#handles.size }
  }

  lookup(parent: Ino, name: ByteString): Attributes | undefined {
    const directory = this.#directory(parent)
    const node =
      name === '..' ? (directory.parent ?? directory) : name === '.' ? directory : directory.entries.get(name)
    return node && this.#counted(node)
  }

  forget(ino: Ino, count: number): void {
    const node = this.#node(ino)
    node.lookups -= count
    if (node.lookups < 0) throw new Error(`inode ${ino} was forgotten ${-node.lookups} times too often`)
    this.#collect(node)
  }

  getattr(ino: Ino, handle?: number): Attributes {
    return attributesOf(this.#target(ino, handle))
  }

  setattr(ino: Ino, changes: AttributeChanges, handle?: number): Attributes {
    const node = this.#target(ino, handle)
    if (changes.mode !== undefined) node.mode = (node.mode & TYPE_BITS) | changes.mode
    node.uid = changes.uid ?? node.uid
    node.gid = changes.gid ?? node.gid
    node.ctimeNs = now()
    if (changes.size !== undefined) {
      resize(node, changes.size)
      node.mtimeNs = node.ctimeNs
    }
    node.atimeNs = timeOf(changes.atimeNs) ?? node.atimeNs
    node.mtimeNs = timeOf(changes.mtimeNs) ?? node.mtimeNs
    return attributesOf(node)
  }

  readlink(ino: Ino): ByteString {
    return this.#node(ino).target
  }

  mknod(parent: Ino, name: ByteString, mode: number, rdev: number, caller: Caller): Attributes {
    const node = this.#enter(parent, name, mode, caller)
    node.rdev = rdev
    return this.#counted(node)
  }

  mkdir(parent: Ino, name: ByteString, mode: number, caller: Caller): Attributes {
    const node = this.#enter(parent, name, DIRECTORY | mode, caller)
    node.nlink = 2
    node.parent = this.#directory(parent)
    node.parent.nlink++
    return this.#counted(node)
  }

  symlink(parent: Ino, name: ByteString, target: ByteString, caller: Caller): Attributes {
    const node = this.#enter(parent, name, SYMLINK | 0o777, caller)
    node.target = target
    node.size = target.length
    return this.#counted(node)
  }

  link(ino: Ino, newParent: Ino, newName: ByteString): Attributes {
    const node = this.#node(ino)
    const directory = this.#directory(newParent)
    if (isDirectory(node)) throw fail('not-permitted')
    if (directory.entries.has(newName)) throw fail('exists')
    directory.entries.set(newName, node)
    node.nlink++
    node.ctimeNs = now()
    return this.#counted(node)
  }

  create(
    parent: Ino,
    name: ByteString,
    mode: number,
    _flags: number,
    caller: Caller,
  ): { attributes: Attributes; handle: number } {
    const node = this.#enter(parent, name, FILE | mode, caller)
    return { attributes: this.#counted(node), handle: this.#open(node) }
  }

  unlink(parent: Ino, name: ByteString): void {
    const directory = this.#directory(parent)
    const node = directory.entries.get(name) ?? raise('not-found')
    if (isDirectory(node)) throw fail('is-a-directory')
    directory.entries.delete(name)
    this.#unlinked(node)
  }

  rmdir(parent: Ino, name: ByteString): void {
    const directory = this.#directory(parent)
    const node = directory.entries.get(name) ?? raise('not-found')
    if (!isDirectory(node)) throw fail('not-a-directory')
    if (node.entries.size > 0) throw fail('not-empty')
    directory.entries.delete(name)
    directory.nlink--
    node.nlink = 0
    this.#collect(node)
  }

  rename(parent: Ino, name: ByteString, newParent: Ino, newName: ByteString): void {
    const from = this.#directory(parent)
    const to = this.#directory(newParent)
    const node = from.entries.get(name) ?? raise('not-found')
    const replaced = to.entries.get(newName)
    if (replaced === node) return
    if (replaced !== undefined && isDirectory(replaced)) this.rmdir(newParent, newName)
    else if (replaced !== undefined) this.unlink(newParent, newName)
    from.entries.delete(name)
    to.entries.set(newName, node)
    if (!isDirectory(node)) return
    node.parent = to
    from.nlink--
    to.nlink++
  }

  open(ino: Ino, flags: number): number {
    if ((flags & constants.O_TRUNC) !== 0) this.setattr(ino, { size: 0 })
    return this.#open(this.#node(ino))
  }

  read(handle: number, offset: number, into: Buffer): number {
    const { pages, size } = this.#opened(handle)
    const end = Math.min(size, offset + into.length)
    for (const { index, from, to, at } of pieces(offset, end)) {
      const page = pages.get(index)
      if (page === undefined) into.fill(0, at, at + to - from)
      else page.copy(into, at, from, to)
    }
    return Math.max(0, end - offset)
  }

  write(handle: number, offset: number, bytes: Buffer): number {
    const node = this.#opened(handle)
    const end = offset + bytes.length
    for (const { index, from, to, at } of pieces(offset, end)) {
      const page = node.pages.get(index) ?? Buffer.alloc(PAGE_BYTES)
      node.pages.set(index, page)
      bytes.copy(page, from, at, at + to - from)
    }
    node.size = Math.max(node.size, end)
    node.mtimeNs = now()
    return bytes.length
  }

  flush(handle: number): void {
    this.#opened(handle)
  }

  fsync(handle: number): void {
    this.#opened(handle)
  }

  release(handle: number): void {
    const node = this.#opened(handle)
    this.#handles.delete(handle)
    node.handles--
    this.#collect(node)
  }

  opendir(ino: Ino): number {
    return this.#open(this.#directory(ino))
  }

  readdir(handle: number): DirectoryEntry[] {
    const node = this.#opened(handle)
    const dots: [ByteString, Node][] = [
      ['.', node],
      ['..', node.parent ?? node],
    ]
    return [...dots, ...node.entries].map(([name, { ino, mode }]) => ({
      name,
      ino,
      type: TYPES.get(mode & TYPE_BITS) ?? 'unknown',
    }))
  }

  readdirplus<T>(handle: number, use: (entries: readonly DirectoryEntry[], lookup: Lookup) => T): T {
    const { ino } = this.#opened(handle)
    return use(this.readdir(handle), (name) => this.lookup(ino, name))
  }

  releasedir(handle: number): void {
    this.release(handle)
  }

  fsyncdir(handle: number): void {
    this.#opened(handle)
  }

  statfs(): FilesystemStatistics {
    return this.statistics
  }

  getxattr(ino: Ino, name: ByteString): Buffer | undefined {
    return this.#node(ino).xattrs.get(name)
  }

  listxattr(ino: Ino): ByteString[] {
    return [...this.#node(ino).xattrs.keys()]
  }

  setxattr(ino: Ino, name: ByteString, value: Buffer, flags: number): void {
    const { xattrs } = this.#node(ino)
    if (flags === 1 && xattrs.has(name)) throw fail('exists')
    if (flags === 2 && !xattrs.has(name)) throw fail('no-data')
    xattrs.set(name, value)
  }

  removexattr(ino: Ino, name: ByteString): void {
    if (!this.#node(ino).xattrs.delete(name)) throw fail('no-data')
  }

  #make(mode: number, { uid, gid }: Caller): Node {
    const time = now()
    const node: Node = {
      ino: ++this.#lastIno as Ino,
      mode,
      nlink: 1,
      uid,
      gid,
      rdev: 0,
      size: 0,
      pages: new Map(),
      atimeNs: time,
      mtimeNs: time,
      ctimeNs: time,
      entries: new Map(),
      parent: undefined,
      target: '',
      xattrs: new Map(),
      lookups: 0,
      handles: 0,
    }
    this.#nodes.set(node.ino, node)
    return node
  }

  #enter(parent: Ino, name: ByteString, mode: number, caller: Caller): Node {
    const { entries } = this.#directory(parent)
    if (entries.has(name)) throw fail('exists')
    const node = this.#make(mode, caller)
    entries.set(name, node)
    return node
  }

  #counted(node: Node): Attributes {
    node.lookups++
    return attributesOf(node)
  }

  #open(node: Node): number {
    node.handles++
    this.#handles.set(++this.#lastHandle, node)
    return this.#lastHandle
  }

  #unlinked(node: Node): void {
    node.nlink--
    node.ctimeNs = now()
    this.#collect(node)
  }

  #collect(node: Node): void {
    if (node.nlink === 0 && node.lookups === 0 && node.handles === 0) this.#nodes.delete(node.ino)
  }

  #node(ino: Ino): Node {
    const node = this.#nodes.get(ino) ?? raise('stale')
    if (ino !== ROOT_INO && node.lookups === 0) throw new Error(`inode ${ino} is used without a lookup`)
    return node
  }

  #target(ino: Ino, handle: number | undefined): Node {
    return handle === undefined ? this.#node(ino) : this.#opened(handle)
  }

  #opened(handle: number): Node {
    return this.#handles.get(handle) ?? raise('bad-handle')
  }

  #directory(ino: Ino): Node {
    const node = this.#node(ino)
    return isDirectory(node) ? node : raise('not-a-directory')
  }
}

function attributesOf({ ino, mode, nlink, uid, gid, rdev, size, atimeNs, mtimeNs, ctimeNs }: Node): Attributes {
  return {
    ino,
    statIno: ino,
    mode,
    nlink,
    uid,
    gid,
    rdev,
    size,
    blocks: Math.ceil(size / 512),
    atimeNs,
    mtimeNs,
    ctimeNs,
  }
}

function resize(node: Node, size: number): void {
  for (const [index, page] of node.pages) {
    if (index * PAGE_BYTES >= size) node.pages.delete(index)
    else page.fill(0, Math.max(0, size - index * PAGE_BYTES))
  }
  node.size = size
}

/** The parts of pages that make up [offset, end): bytes from to to of a page stand at `at` of the whole. */
function* pieces(offset: number, end: number): Generator<{ index: number; from: number; to: number; at: number }> {
  for (let position = offset; position < end; ) {
    const index = Math.floor(position / PAGE_BYTES)
    const from = position - index * PAGE_BYTES
    const to = Math.min(PAGE_BYTES, end - index * PAGE_BYTES)
    yield { index, from, to, at: position - offset }
    position += to - from
  }
}

function isDirectory({ mode }: Node): boolean {
  return (mode & TYPE_BITS) === DIRECTORY
}

function timeOf(time: Time | undefined): bigint | undefined {
  return time === 'now' ? now() : time
}

function now(): bigint {
  return BigInt(Date.now()) * 1_000_000n
}

function fail(kind: ErrorKind): DfsError {
  return new DfsError(kind, kind)
}

function raise(kind: ErrorKind): never {
  throw fail(kind)
}
