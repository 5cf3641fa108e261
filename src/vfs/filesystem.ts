/**
 * A folder of stubs as a file system: the operations a driver asks for, over the parts that do them.
 *
 * All of it runs in one event loop. Operations on names and attributes are answered from local state and at once;
 * only those that may need a disk sync or a block to be opened take their time.
 */
import { whenReady } from '../concurrency/when-ready.ts'
import type { ByteString, Ino } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { mayBeStub, NAME_BYTES_MAX, RESERVED_NAME } from '../format/stored-name.ts'
import { O } from '../posix/files.ts'
import { availableBytes, statFilesystem } from '../posix/filesystem-stat.ts'
import { FALLOCATE } from '../posix/holes.ts'
import { MODE } from '../posix/stat.ts'
import { attributesOf } from './attributes.ts'
import type { FoundInode } from './finder.ts'
import { idleObjects } from './idle-objects.ts'
import type { Inode } from './inode-table.ts'
import { listDirectory, type Seen } from './listing.ts'
import { Namespace, type NamespaceOptions } from './namespace.ts'
import { OpenDirectories } from './open-directories.ts'
import { OpenFiles, type OpenFilesOptions } from './open-files.ts'
import type {
  AttributeChanges,
  Attributes,
  Awaitable,
  Caller,
  Change,
  Created,
  DirectoryEntry,
  FilePosition,
  FilesystemOperations,
  FilesystemStatistics,
  IdleObject,
  Lookup,
  WriteOptions,
} from './operations.ts'
import type { Services } from './services.ts'
import { AttributeSetter } from './set-attributes.ts'
import type { Found } from './stub-tree.ts'
import { VersionsView } from './versions-view.ts'
import { Xattrs } from './xattrs.ts'

export interface FilesystemOptions extends NamespaceOptions, Omit<OpenFilesOptions, 'find'> {
  /** A descriptor on the disk that the blocks are on, for `statfs`. */
  storeFd: number
}

export class Filesystem implements FilesystemOperations {
  readonly #services: Services
  readonly #files: OpenFiles
  readonly #xattrs: Xattrs
  readonly #setter: AttributeSetter
  readonly #storeFd: number
  readonly #adoptInWay: NamespaceOptions['adoptInWay']
  readonly #directories: OpenDirectories
  readonly #versions: VersionsView
  readonly names: Namespace

  constructor(options: FilesystemOptions) {
    this.#services = options.services
    this.#storeFd = options.storeFd
    this.#adoptInWay = options.adoptInWay
    this.#files = new OpenFiles(options.services, {
      ...options,
      find: (directory, name) => this.names.find(directory, name)?.inode,
    })
    this.#xattrs = new Xattrs(options)
    this.#setter = new AttributeSetter(options.services, { ...options, files: this.#files })
    this.#directories = new OpenDirectories(options.services, {
      list: (directory, seen) => this.#list(directory, seen),
      lookUp: (directory, name, seen) => this.#lookUp(directory, name, seen),
    })
    this.names = new Namespace(options)
    this.#versions = new VersionsView(options.services, { versions: options.versions, names: this.names })
  }

  get openHandles(): number {
    return this.#files.count
  }

  lookup(parent: Ino, name: ByteString): Awaitable<Attributes | undefined> {
    return this.#lookUp(this.#inode(parent), name)
  }

  forget(ino: Ino, count: number): void {
    const { table } = this.#services
    table.forget(table.get(ino), count)
  }

  getattr(ino: Ino): Attributes {
    return this.#attributes(this.#inode(ino))
  }

  setattr(ino: Ino, changes: AttributeChanges): Awaitable<Attributes> {
    const inode = this.#inode(ino)
    this.names.checkMayChange(inode)
    return whenReady(this.#setter.set(inode, changes), () => this.#attributes(inode))
  }

  readlink(ino: Ino): ByteString {
    return this.names.readlink(this.#inode(ino))
  }

  async mknod(parent: Ino, name: ByteString, mode: number, rdev: number, caller: Caller): Promise<Attributes> {
    const format = mode & MODE.FORMAT
    const directory = this.#inode(parent)
    if (format !== MODE.REGULAR && format !== 0) {
      return this.#found(this.names.mknod(directory, name, mode, rdev, caller))
    }
    return this.#found((await this.names.makeFile(directory, name, mode, caller)).inode)
  }

  mkdir(parent: Ino, name: ByteString, mode: number, caller: Caller): Attributes {
    return this.#found(this.names.mkdir(this.#inode(parent), name, mode, caller))
  }

  symlink(parent: Ino, name: ByteString, target: ByteString, caller: Caller): Attributes {
    return this.#found(this.names.symlink(this.#inode(parent), name, target, caller))
  }

  link(ino: Ino, newParent: Ino, newName: ByteString): Awaitable<Attributes> {
    const inode = this.#inode(ino)
    return whenReady(this.names.link(inode, this.#inode(newParent), newName), () => this.#found(inode))
  }

  createNameless(directory: Ino, mode: number, flags: number, caller: Caller): Created {
    return this.#created(this.names.makeNameless(this.#inode(directory), mode, caller), flags)
  }

  unlink(parent: Ino, name: ByteString): Awaitable<void> {
    return this.names.unlink(this.#inode(parent), name)
  }

  rmdir(parent: Ino, name: ByteString): void {
    this.names.rmdir(this.#inode(parent), name)
  }

  rename(parent: Ino, name: ByteString, newParent: Ino, newName: ByteString, flags = 0): Promise<void> {
    return this.names.rename(this.#inode(parent), name, this.#inode(newParent), newName, flags)
  }

  create(parent: Ino, name: ByteString, mode: number, flags: number, caller: Caller): Awaitable<Created> {
    const made = this.names.makeFile(this.#inode(parent), name, mode, caller)
    if (made instanceof Promise) return made.then((found) => this.#created(found, flags))
    return this.#created(made, flags)
  }

  open(ino: Ino, flags: number, options?: WriteOptions): Awaitable<number> {
    const inode = this.#inode(ino)
    // Removed, or replaced, since its name was looked up: the kernel, told so, looks the name up again.
    const isGone = inode.kind === 'stub' && inode.places.length === 0 && inode.opens === 0
    if (isGone) throw new DfsError('stale', 'the file has no name any more')
    const writes = (flags & O.ACCMODE) !== O.RDONLY
    if (writes) this.names.checkMayChange(inode)
    if (inode.kind !== 'plain' || !writes) return this.#files.open(inode, flags, options)
    // A plain file named like a stub would, cut to nothing, be taken for one: it becomes one before that.
    const { parent, name } = inode.place
    if (!mayBeStub(name)) return this.#files.open(inode, flags, options)
    return this.#adoptInWay(parent, name).then(() => this.#files.open(inode, flags, options))
  }

  read(handle: number, offset: number, into: Buffer, pid?: number): Awaitable<number> {
    return this.#files.read(handle, offset, into, pid)
  }

  write(handle: number, offset: number, bytes: Buffer, options?: WriteOptions): Awaitable<number> {
    return this.#files.write(handle, offset, bytes, options)
  }

  allocate(handle: number, mode: number, offset: number, length: number, options?: WriteOptions): Promise<void> {
    if ((mode & FALLOCATE.PUNCH_HOLE) === 0 && length > availableBytes(this.#storeFd)) {
      throw new DfsError('no-space', 'there is not so much space', { op: 'allocate' })
    }
    return this.#files.allocate(handle, mode, offset, length, options)
  }

  seek(handle: number, offset: number, what: 'data' | 'hole', pid?: number): Awaitable<number> {
    return this.#files.seek(handle, offset, what, pid)
  }

  copyRange(from: FilePosition, to: FilePosition, length: number, options?: WriteOptions): Promise<number> {
    return this.#files.copyRange(from, to, length, options)
  }

  flush(handle: number): Awaitable<void> {
    return this.#files.flush(handle)
  }

  fsync(handle: number, dataOnly: boolean): Promise<void> {
    return this.#files.fsync(handle, dataOnly)
  }

  release(handle: number): void {
    this.#files.release(handle)
  }

  opendir(ino: Ino): number {
    return this.#directories.open(this.#inode(ino))
  }

  readdir(handle: number): Awaitable<readonly DirectoryEntry[]> {
    return this.#directories.read(handle)
  }

  readdirplus<T>(
    handle: number,
    use: (entries: readonly DirectoryEntry[], lookup: Lookup) => Awaitable<T>,
  ): Awaitable<T> {
    return this.#directories.readAndLookUp(handle, use)
  }

  releasedir(handle: number): void {
    this.#directories.release(handle)
  }

  async fsyncdir(handle: number): Promise<void> {
    if (!this.#versions.owns(this.#directories.inodeOf(handle))) await this.#directories.sync(handle)
  }

  statfs(): FilesystemStatistics {
    return { ...statFilesystem(this.#storeFd), nameBytesMax: NAME_BYTES_MAX }
  }

  getxattr(ino: Ino, name: ByteString): Awaitable<Buffer | undefined> {
    const inode = this.#inode(ino)
    return this.#versions.owns(inode) ? undefined : this.#xattrs.get(inode, name)
  }

  listxattr(ino: Ino): ByteString[] {
    const inode = this.#inode(ino)
    return this.#versions.owns(inode) ? [] : this.#xattrs.list(inode)
  }

  setxattr(ino: Ino, name: ByteString, value: Buffer, flags: number): void {
    const inode = this.#inode(ino)
    this.names.checkMayChange(inode)
    this.#setter.touch(inode, this.#xattrs.set(inode, name, value, flags))
  }

  removexattr(ino: Ino, name: ByteString): void {
    const inode = this.#inode(ino)
    this.names.checkMayChange(inode)
    this.#xattrs.remove(inode, name)
    this.#setter.touch(inode)
  }

  get keepsAcls(): boolean {
    return this.#xattrs.keepsAcls
  }

  hasDefaultAcl(directory: Ino): boolean {
    const inode = this.#inode(directory)
    return !this.#versions.owns(inode) && this.#xattrs.hasDefaultAcl(inode)
  }

  sync(): Promise<void> {
    return this.#services.journal.sync()
  }

  watch(listener: (change: Change) => void): () => void {
    return this.#services.table.watch(listener)
  }

  idleObjects(count: number): IdleObject[] {
    return idleObjects(this.#services.table, count)
  }

  /** Versions come and go by themselves. */
  isVolatile(ino: Ino): boolean {
    const { table } = this.#services
    let place = table.get(ino).places.at(-1)
    while (place !== undefined && place.parent !== table.root) place = place.parent.places.at(-1)
    return place?.name === RESERVED_NAME
  }

  #lookUp(directory: Inode, name: ByteString, seen?: Found): Awaitable<Attributes | undefined> {
    if (this.#versions.shows(directory, name)) return this.#versions.lookup(directory, name)
    const found = this.names.lookup(directory, name, seen)
    if (found === undefined && name.length > NAME_BYTES_MAX) throw new DfsError('name-too-long', 'the name is too long')
    return found
  }

  #list(directory: Inode, seen?: Seen): Awaitable<DirectoryEntry[]> {
    if (this.#versions.owns(directory)) return this.#versions.list(directory)
    return whenReady(listDirectory(this.#services, directory, this.#adoptInWay, seen), (entries) => {
      this.#files.noteListing(directory, entries)
      return entries
    })
  }

  #attributes(inode: Inode): Attributes {
    if (this.#versions.owns(inode)) return this.#versions.attributes(inode)
    return attributesOf(inode, inode.statSinceMade ?? this.#services.tree.stat(inode))
  }

  #found(inode: Inode): Attributes {
    inode.lookups++
    return this.#attributes(inode)
  }

  #created({ inode, stat }: FoundInode, flags: number): Created {
    const handle = this.#files.openNew(inode, flags & ~O.TRUNC)
    inode.statSinceMade = stat
    inode.lookups++
    return { attributes: attributesOf(inode, stat), handle }
  }

  #inode(ino: Ino): Inode {
    return this.#services.table.get(ino)
  }
}
