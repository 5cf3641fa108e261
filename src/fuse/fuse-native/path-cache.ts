/**
 * Paths to inodes. libfuse names objects by path, the file system by number: this tree of names remembers
 * what was looked up, at most `entriesMax` names, the least recently used going first.
 *
 * Invariant: every name in the tree holds its inode exactly once. A parent was used at least as recently as
 * its children, so what goes first never has children.
 */
import { RecencyList, type Recent } from '../../concurrency/recency-list.ts'
import type { ByteString, Ino } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { type Attributes, type Awaitable, type FilesystemOperations, ROOT_INO } from '../../vfs/operations.ts'
import type { HeldInodes } from './held-inodes.ts'

const NAME_BYTES_MAX = 255

interface Entry extends Recent<Entry> {
  parent: Entry | undefined
  name: ByteString
  readonly ino: Ino
  /** Made when there is the first: most entries are files. */
  children: Map<ByteString, Entry> | undefined
  /** False once it has left the cache. */
  placed: boolean
}

/** A place in a directory: where something is looked up, made or removed. */
export interface Place {
  readonly parent: Ino
  readonly name: ByteString
}

export class PathCache {
  readonly #filesystem: FilesystemOperations
  readonly #inodes: HeldInodes
  readonly #entriesMax: number
  readonly #root = newEntry(undefined, '', ROOT_INO)
  /** The root is not in it. */
  readonly #recency = new RecencyList<Entry>()

  constructor(filesystem: FilesystemOperations, inodes: HeldInodes, entriesMax: number) {
    this.#filesystem = filesystem
    this.#inodes = inodes
    this.#entriesMax = entriesMax
  }

  /** The inode at a path, from memory where it is known. Fails with `not-found`, `not-a-directory`, `name-too-long`. */
  resolve(path: ByteString): Awaitable<Ino> {
    const entry = this.#walk(path)
    return entry instanceof Promise ? entry.then(inoOf) : inoOf(entry)
  }

  /** Looks the last name of a path up anew; undefined if nothing is there. */
  lookup(path: ByteString): Awaitable<Attributes | undefined> {
    if (path === '/') return this.#filesystem.getattr(ROOT_INO)
    const parent = this.#walk(parentOf(path))
    if (parent instanceof Promise) return parent.then((entry) => this.#lookupIn(entry, nameOf(path)))
    return this.#lookupIn(parent, nameOf(path))
  }

  /** Directory and name of a path that need not exist. */
  place(path: ByteString): Awaitable<Place> {
    const name = nameOf(path)
    checkName(name)
    const parent = this.#walk(parentOf(path))
    return parent instanceof Promise
      ? parent.then((entry) => ({ parent: entry.ino, name }))
      : { parent: parent.ino, name }
  }

  /** Puts an object that the file system just made (and counted a lookup for) at its path. */
  add(path: ByteString, ino: Ino): void {
    const parent = this.#peek(parentOf(path))
    // The directory may have left the cache while the file system worked.
    if (parent === undefined) this.#giveBack(ino)
    else this.#place(parent, nameOf(path), ino)
  }

  /** Forgets a path and all below it. */
  remove(path: ByteString): void {
    const entry = this.#peek(path)
    if (entry !== undefined) this.#drop(entry)
  }

  /** Moves a path and all below it, over what was at the new one. */
  move(from: ByteString, to: ByteString): void {
    const entry = this.#peek(from)
    this.remove(to)
    if (entry === undefined) return
    const parent = this.#peek(parentOf(to))
    if (parent === undefined) {
      this.#drop(entry)
      return
    }
    entry.parent?.children?.delete(entry.name)
    entry.parent = parent
    entry.name = nameOf(to)
    childrenOf(parent).set(entry.name, entry)
    this.#touch(entry)
  }

  clear(): void {
    for (const entry of this.#root.children?.values() ?? []) this.#drop(entry)
  }

  get size(): number {
    return this.#recency.size
  }

  #walk(path: ByteString): Awaitable<Entry> {
    let entry = this.#root
    for (const name of namesOf(path)) {
      const child = entry.children?.get(name)
      if (child === undefined) return this.#walkOn(entry, path)
      entry = child
    }
    this.#touch(entry)
    return entry
  }

  /** The part of the walk that asks the file system: from `start`, which is the deepest known name of the path. */
  #walkOn(start: Entry, path: ByteString): Awaitable<Entry> {
    let entry = start
    const names = namesOf(path)
    for (let depth = depthOf(start); depth < names.length; depth++) {
      const name = names[depth]!
      const found = this.#lookupIn(entry, name)
      // Once one lookup waits, the walk begins anew when it is done: names may have moved meanwhile.
      if (found instanceof Promise) return found.then((attributes) => required(attributes, path) && this.#walk(path))
      required(found, path)
      entry = entry.children!.get(name)!
    }
    this.#touch(entry)
    return entry
  }

  #lookupIn(parent: Entry, name: ByteString): Awaitable<Attributes | undefined> {
    checkName(name)
    const found = this.#filesystem.lookup(parent.ino, name)
    if (found instanceof Promise) return found.then((attributes) => this.#found(parent, name, attributes))
    return this.#found(parent, name, found)
  }

  #found(parent: Entry, name: ByteString, attributes: Attributes | undefined): Attributes | undefined {
    const known = parent.children?.get(name)
    if (attributes !== undefined) this.#place(parent, name, attributes.ino)
    else if (known !== undefined) this.#drop(known)
    return attributes
  }

  #place(parent: Entry, name: ByteString, ino: Ino): void {
    const known = parent.children?.get(name)
    if (known?.ino === ino) this.#touch(known)
    if (known?.ino === ino || !parent.placed) {
      this.#giveBack(ino)
      return
    }
    if (known !== undefined) this.#drop(known)
    const entry = newEntry(parent, name, ino)
    childrenOf(parent).set(name, entry)
    this.#inodes.adopt(ino)
    this.#recency.add(entry)
    this.#touch(parent)
    this.#evict()
  }

  /** One lookup more than there are holders: it goes back with the others, or at once. */
  #giveBack(ino: Ino): void {
    this.#inodes.adopt(ino)
    this.#inodes.letGo(ino)
  }

  #peek(path: ByteString): Entry | undefined {
    let entry: Entry | undefined = this.#root
    for (const name of namesOf(path)) entry = entry?.children?.get(name)
    return entry
  }

  #drop(entry: Entry): void {
    if (!entry.placed) return
    for (const child of entry.children?.values() ?? []) this.#drop(child)
    entry.parent?.children?.delete(entry.name)
    entry.placed = false
    this.#recency.remove(entry)
    this.#inodes.letGo(entry.ino)
  }

  #touch(entry: Entry): void {
    for (let at = entry; at.parent !== undefined; at = at.parent) this.#recency.use(at)
  }

  #evict(): void {
    while (this.#recency.size > this.#entriesMax) this.#drop(this.#recency.oldest!)
  }
}

function newEntry(parent: Entry | undefined, name: ByteString, ino: Ino): Entry {
  return { parent, name, ino, children: undefined, placed: true, older: undefined, newer: undefined }
}

function childrenOf(entry: Entry): Map<ByteString, Entry> {
  entry.children ??= new Map()
  return entry.children
}

function inoOf(entry: Entry): Ino {
  return entry.ino
}

function depthOf(entry: Entry): number {
  let depth = 0
  for (let at = entry; at.parent !== undefined; at = at.parent) depth++
  return depth
}

function required(attributes: Attributes | undefined, path: ByteString): Attributes {
  if (attributes === undefined)
    throw new DfsError('not-found', 'no such file or directory', { op: 'lookup', subject: path })
  return attributes
}

function namesOf(path: ByteString): ByteString[] {
  return path === '/' ? [] : path.slice(1).split('/')
}

function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The kernel lets names of up to 1,024 bytes through to FUSE; one char is one byte here. */
function checkName(name: ByteString): void {
  if (name.length > NAME_BYTES_MAX)
    throw new DfsError('name-too-long', 'the name has more than 255 bytes', { op: 'lookup' })
}
