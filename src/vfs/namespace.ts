/**
 * The operations on names: finding, making, linking, renaming and removing objects of the stub tree.
 *
 * Each is one step of the disk below, taken without giving way to anything else, so two callers never see half of
 * one. What is below `.dfs` can be looked at and not changed.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { STORED_BYTES_MAX, storedNameOfFile, storedNameOfOther } from '../format/stored-name.ts'
import { chownAt } from '../posix/attributes.ts'
import { closeFd } from '../posix/files.ts'
import { linkAt, makeDirectoryAt, makeNodeAt, readLinkAt, symlinkAt } from '../posix/names.ts'
import { MODE, statAt } from '../posix/stat.ts'
import { attributesOf } from './attributes.ts'
import type { Committer } from './committer.ts'
import { Finder, type FoundInode } from './finder.ts'
import type { Inode, Place } from './inode-table.ts'
import { Nameless } from './nameless.ts'
import { makeStub, ownerOfNew } from './new-stub.ts'
import { changeOf, noteName } from './note-names.ts'
import type { Attributes, Awaitable, Caller } from './operations.ts'
import { Removal } from './removal.ts'
import { Renaming, type RenamingOptions } from './renaming.ts'
import type { Services } from './services.ts'
import { emptyAttributes, type Found } from './stub-tree.ts'
import type { Versions } from './versions.ts'

export interface NamespaceOptions extends Pick<RenamingOptions, 'adoptInWay'> {
  services: Services
  committer: Committer
  versions: Versions
}

const PERMISSIONS = MODE.PERMISSIONS

export class Namespace {
  readonly #services: Services
  readonly #committer: Committer
  readonly #adoptInWay: NamespaceOptions['adoptInWay']
  readonly #finder: Finder
  readonly #removal: Removal
  readonly #renaming: Renaming
  readonly #nameless: Nameless

  constructor({ services, committer, versions, adoptInWay }: NamespaceOptions) {
    this.#services = services
    this.#committer = committer
    this.#adoptInWay = adoptInWay
    this.#finder = new Finder(services)
    this.#nameless = new Nameless(services, { finder: this.#finder, committer })
    this.#removal = new Removal(services, { finder: this.#finder, committer, versions })
    this.#renaming = new Renaming(services, { finder: this.#finder, committer, removal: this.#removal, adoptInWay })
  }

  /** How often something was renamed: a walk over the tree that ran beside one may have missed it. */
  get renames(): number {
    return this.#renaming.count
  }

  /** The object of this name, known to the table; undefined if there is none. Adds no lookup. */
  find(parent: Inode, name: ByteString): FoundInode | undefined {
    return this.#finder.find(parent, name)
  }

  unlink(parent: Inode, name: ByteString): void {
    try {
      this.#removal.unlink(parent, name)
      this.#services.changes.name(parent, name)
    } finally {
      this.#release(parent, name)
    }
  }

  /** Fails with `read-only` for what is at or below `.dfs`. */
  checkMayChange(inode: Inode): void {
    this.#finder.checkMayChange(inode)
  }

  rmdir(parent: Inode, name: ByteString): void {
    try {
      this.#removal.rmdir(parent, name)
      this.#services.changes.name(parent, name)
    } finally {
      this.#release(parent, name)
    }
  }

  /** `flags` as renameat2 has them. */
  async rename(parent: Inode, name: ByteString, newParent: Inode, newName: ByteString, flags: number): Promise<void> {
    try {
      await this.#renaming.rename(parent, name, newParent, newName, flags)
      this.#services.changes.name(parent, name, true)
      this.#services.changes.name(newParent, newName, true)
    } finally {
      this.#release(parent, name)
      this.#release(newParent, newName)
    }
  }

  /** As `rename`, wherever it is from or goes to, in one go; who replaces a file by it has seen to it that it is whole. */
  moveFromOutside(from: Place, to: Place): void {
    try {
      this.#renaming.move(this.#finder.found(from.parent, from.name).inode, from, to)
      this.#services.changes.name(from.parent, from.name, true)
      this.#services.changes.name(to.parent, to.name, true)
    } finally {
      this.#release(from.parent, from.name)
      this.#release(to.parent, to.name)
    }
  }

  /** `seen`: as the finder has it. */
  lookup(parent: Inode, name: ByteString, seen?: Found): Attributes | undefined {
    if (name.length > STORED_BYTES_MAX) throw new DfsError('name-too-long', 'the name is too long')
    const found = this.#finder.find(parent, name, seen)
    if (found === undefined) return undefined
    found.inode.lookups++
    return attributesOf(found.inode, found.stat)
  }

  readlink(inode: Inode): ByteString {
    const { tree } = this.#services
    return readLinkAt(tree.directoryFd(inode.place.parent), tree.storedName(inode))
  }

  /** Makes an empty regular file; fails with `exists`. Adds no lookup. */
  makeFile(parent: Inode, name: ByteString, mode: number, caller: Caller): FoundInode | Promise<FoundInode> {
    const stored = storedNameOfFile(name)
    this.#finder.checkMayMake(parent, name, stored)
    const made = this.#tryMakeStub(parent, name, mode, caller)
    if (made !== undefined) return made
    this.#finder.checkNew(parent, name, stored)
    return this.#adoptInWay(parent, stored).then(() => this.#makeStub(parent, name, mode, caller))
  }

  mknod(parent: Inode, name: ByteString, mode: number, rdev: number, caller: Caller): Inode {
    this.#finder.checkNew(parent, name, storedNameOfOther(name))
    return this.#makeOther(parent, name, caller, (dirFd, stored) => makeNodeAt(dirFd, stored, mode, rdev))
  }

  mkdir(parent: Inode, name: ByteString, mode: number, caller: Caller): Inode {
    this.#finder.checkNew(parent, name, storedNameOfOther(name))
    return this.#makeOther(parent, name, caller, (dirFd, stored) => makeDirectoryAt(dirFd, stored, mode & PERMISSIONS))
  }

  symlink(parent: Inode, name: ByteString, target: ByteString, caller: Caller): Inode {
    this.#finder.checkNew(parent, name, storedNameOfOther(name))
    return this.#makeOther(parent, name, caller, (dirFd, stored) => symlinkAt(target, dirFd, stored))
  }

  /** A regular file without a name. Adds no lookup. */
  makeNameless(directory: Inode, mode: number, caller: Caller): FoundInode {
    return this.#nameless.make(directory, mode, caller)
  }

  link(inode: Inode, newParent: Inode, newName: ByteString): Awaitable<void> {
    const { tree, table, journal, changes } = this.#services
    if (inode.places.length === 0) {
      return this.#nameless.link(inode, newParent, newName).then(() => changes.name(newParent, newName))
    }
    const to = tree.storedName(inode, newName)
    this.#finder.checkNew(newParent, newName, to)
    this.#finder.checkMayChange(inode.place.parent)
    const from = tree.storedPath(inode)
    linkAt(tree.directoryFd(inode.place.parent), tree.storedName(inode), tree.directoryFd(newParent), to)
    const linked = statAt(tree.directoryFd(newParent), to)
    table.addPlace(inode, newParent, newName)
    if (linked !== undefined) noteName(journal, { kind: 'link', ...changeOf(linked, from), to: tree.storedPath(inode) })
    this.#removal.changedLinks(inode)
    changes.name(newParent, newName)
    changes.object(inode)
  }

  /** Of a name that nobody has looked up nothing is kept, whatever became of it. */
  #release(parent: Inode, name: ByteString): void {
    const inode = parent.children.get(name)
    if (inode !== undefined) this.#services.table.release(inode)
  }

  /** Undefined, and nothing made, where anything stands that the name could mean, or in the stub's way. */
  #tryMakeStub(parent: Inode, name: ByteString, mode: number, caller: Caller): FoundInode | undefined {
    const dirFd = this.#services.tree.directoryFd(parent)
    const other = storedNameOfOther(name)
    if (other.length <= STORED_BYTES_MAX && statAt(dirFd, other) !== undefined) return undefined
    if (other !== name && statAt(dirFd, name) !== undefined) return undefined
    try {
      return this.#makeStub(parent, name, mode, caller)
    } catch (error) {
      if (kindOf(error) === 'exists') return undefined
      throw error
    }
  }

  #makeStub(parent: Inode, name: ByteString, mode: number, caller: Caller): FoundInode {
    const { tree } = this.#services
    const dirFd = tree.directoryFd(parent)
    const stored = storedNameOfFile(name)
    const { fd, stat, mode: wanted } = makeStub(dirFd, stored, mode & PERMISSIONS, caller)
    closeFd(fd)
    const found: Found = { stored, stat, kind: 'stub', attributes: emptyAttributes(stat) }
    const inode = this.#finder.intern(found, parent, name)
    inode.hasNoCapabilities = true
    this.#services.changes.name(parent, name)
    if ((stat.mode & PERMISSIONS) !== wanted) {
      this.#committer.touch(inode.file!)
      inode.file!.mode = wanted
    }
    return { inode, stat }
  }

  #makeOther(
    parent: Inode,
    name: ByteString,
    caller: Caller,
    make: (dirFd: number, stored: ByteString) => void,
  ): Inode {
    const dirFd = this.#services.tree.directoryFd(parent)
    const stored = storedNameOfOther(name)
    make(dirFd, stored)
    const owner = ownerOfNew(caller, dirFd)
    if (owner !== undefined) chownAt(dirFd, stored, owner.uid, owner.gid)
    this.#services.changes.name(parent, name)
    return this.#finder.find(parent, name)!.inode
  }
}
