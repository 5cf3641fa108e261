/**
 * The operations on names: finding, making, linking, renaming and removing objects of the stub tree.
 *
 * Each is one step of the disk below, taken without giving way to anything else, so two callers never see half of
 * one. What is below `.dfs` can be looked at and not changed.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { chownAt } from '../posix/attributes.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import {
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  readLinkAt,
  removeDirectoryAt,
  RENAME,
  renameAt,
  symlinkAt,
  unlinkAt,
} from '../posix/names.ts'
import { MODE, type Stat, statAt, statFd } from '../posix/stat.ts'
import { attributesOf } from './attributes.ts'
import { nowNs } from './clock.ts'
import type { Committer } from './committer.ts'
import type { Inode } from './inode-table.ts'
import { checkName, mayBeStub, RESERVED_NAME, STORED_BYTES_MAX, storedNameOfFile, storedNameOfOther } from './names.ts'
import type { Attributes, Caller } from './operations.ts'
import type { Services } from './services.ts'
import { StubFile } from './stub-file.ts'
import type { Found } from './stub-tree.ts'
import type { Versions } from './versions.ts'

export interface NamespaceOptions {
  services: Services
  committer: Committer
  versions: Versions
  /** Turns a plain file that stands where a stub must go into a stub of its own. */
  adoptInWay(parent: Inode, name: ByteString): Promise<void>
}

const PERMISSIONS = MODE.PERMISSIONS
const OWNER_READ_WRITE = 0o600
const SETGID = 0o2000
const IS_ROOT = process.getuid?.() === 0

export class Namespace {
  readonly #services: Services
  readonly #committer: Committer
  readonly #versions: Versions
  readonly #adoptInWay: NamespaceOptions['adoptInWay']
  /** Counts renames: a walk over the tree that ran beside one may have missed something. */
  renames = 0

  constructor({ services, committer, versions, adoptInWay }: NamespaceOptions) {
    this.#services = services
    this.#committer = committer
    this.#versions = versions
    this.#adoptInWay = adoptInWay
  }

  /** The object of this name, known to the table; undefined if there is none. Adds no lookup. */
  find(parent: Inode, name: ByteString): { inode: Inode; stat: Stat } | undefined {
    const { tree, table } = this.#services
    requireDirectory(parent)
    const found = tree.find(parent, name)
    if (found === undefined) {
      const gone = parent.children.get(name)
      if (gone !== undefined) table.removePlace(gone, parent, name)
      return undefined
    }
    return { inode: this.#intern(found, parent, name), stat: found.stat }
  }

  lookup(parent: Inode, name: ByteString): Attributes | undefined {
    if (name.length > STORED_BYTES_MAX) throw new DfsError('name-too-long', 'the name is too long')
    const found = this.find(parent, name)
    if (found === undefined) return undefined
    found.inode.lookups++
    return attributesOf(found.inode, found.stat)
  }

  readlink(inode: Inode): ByteString {
    const { tree } = this.#services
    return readLinkAt(tree.directoryFd(inode.place.parent), tree.storedName(inode))
  }

  /** Makes an empty regular file; fails with `exists`. Adds no lookup. */
  makeFile(parent: Inode, name: ByteString, mode: number, caller: Caller): Inode | Promise<Inode> {
    const stored = storedNameOfFile(name)
    this.#checkNew(parent, name, stored)
    const { tree } = this.#services
    const inTheWay = statAt(tree.directoryFd(parent), stored)
    if (inTheWay === undefined) return this.#makeStub(parent, name, mode, caller)
    return this.#adoptInWay(parent, stored).then(() => this.#makeStub(parent, name, mode, caller))
  }

  mknod(parent: Inode, name: ByteString, mode: number, rdev: number, caller: Caller): Inode {
    this.#checkNew(parent, name, storedNameOfOther(name))
    return this.#makeOther(parent, name, caller, (dirFd, stored) => makeNodeAt(dirFd, stored, mode, rdev))
  }

  mkdir(parent: Inode, name: ByteString, mode: number, caller: Caller): Inode {
    this.#checkNew(parent, name, storedNameOfOther(name))
    return this.#makeOther(parent, name, caller, (dirFd, stored) => makeDirectoryAt(dirFd, stored, mode & PERMISSIONS))
  }

  symlink(parent: Inode, name: ByteString, target: ByteString, caller: Caller): Inode {
    this.#checkNew(parent, name, storedNameOfOther(name))
    return this.#makeOther(parent, name, caller, (dirFd, stored) => symlinkAt(target, dirFd, stored))
  }

  link(inode: Inode, newParent: Inode, newName: ByteString): void {
    const { tree, table } = this.#services
    const to = tree.storedName(inode, newName)
    this.#checkNew(newParent, newName, to)
    this.#checkMayChange(inode.place.parent)
    linkAt(tree.directoryFd(inode.place.parent), tree.storedName(inode), tree.directoryFd(newParent), to)
    table.addPlace(inode, newParent, newName)
    this.#changedLinks(inode)
  }

  async unlink(parent: Inode, name: ByteString): Promise<void> {
    const { inode, stat } = this.#require(parent, name)
    if (inode.kind === 'directory') throw new DfsError('is-a-directory', 'it is a directory')
    this.#removeName(inode, stat, parent, name)
  }

  rmdir(parent: Inode, name: ByteString): void {
    const { inode } = this.#require(parent, name)
    requireDirectory(inode)
    const { tree, table } = this.#services
    removeDirectoryAt(tree.directoryFd(parent), this.#storedNameHere(inode, parent, name))
    tree.dropDirectory(inode)
    table.removePlace(inode, parent, name)
    table.release(inode)
  }

  async rename(parent: Inode, name: ByteString, newParent: Inode, newName: ByteString, flags: number): Promise<void> {
    if ((flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE)) !== 0) throw new DfsError('invalid', 'unknown flags of rename')
    this.#checkMayChange(newParent)
    const source = this.#require(parent, name)
    checkName(newName, this.#services.tree.storedName(source.inode, newName))
    if ((flags & RENAME.EXCHANGE) !== 0) return this.#exchange(parent, name, newParent, newName)
    const target = this.find(newParent, newName)
    if (target !== undefined && (flags & RENAME.NOREPLACE) !== 0) throw new DfsError('exists', 'the new name exists')
    if (target?.inode === source.inode) return
    checkReplace(source.inode, target?.inode)
    // Who replaces a file by a new one wants the old or the new after a crash: the new one must be safe first.
    if (target !== undefined && source.inode.file !== undefined) await this.#committer.fsync(source.inode.file)
    // An empty plain file named like a stub would be taken for one.
    if (source.inode.kind === 'plain' && mayBeStub(newName)) await this.#adoptInWay(parent, name)
    const stored = this.#services.tree.storedName(source.inode, newName)
    const inTheWay = statAt(this.#services.tree.directoryFd(newParent), stored)
    if (inTheWay !== undefined && target === undefined) await this.#adoptInWay(newParent, stored)
    this.#move(this.#require(parent, name).inode, { parent, name }, { parent: newParent, name: newName })
  }

  /** Everything from here to the end happens in one go. */
  #move(inode: Inode, from: { parent: Inode; name: ByteString }, to: { parent: Inode; name: ByteString }): void {
    const { tree, table, journal } = this.#services
    const target = this.find(to.parent, to.name)
    checkReplace(inode, target?.inode)
    const fromStored = this.#storedNameHere(inode, from.parent, from.name)
    const toStored = tree.storedName(inode, to.name)
    const fromPath = tree.storedPath(inode, from)
    const targetPath = target === undefined ? '' : tree.storedPath(target.inode, to)
    const keptTarget = target !== undefined && this.#beforeReplacing(target)
    if (target !== undefined && target.stat.nlink <= 1) this.#holdOpen(target.inode)
    const replaced = target === undefined ? undefined : this.#storedNameHere(target.inode, to.parent, to.name)
    if (target?.inode.kind === 'directory') tree.dropDirectory(target.inode)
    renameAt(tree.directoryFd(from.parent), fromStored, tree.directoryFd(to.parent), toStored)
    this.renames++
    if (replaced !== undefined && replaced !== toStored) unlinkAt(tree.directoryFd(to.parent), replaced)
    if (target !== undefined) {
      table.removePlace(target.inode, to.parent, to.name)
      if (!keptTarget) this.#lostName(target.inode, target.stat, targetPath)
    }
    table.removePlace(inode, from.parent, from.name)
    table.addPlace(inode, to.parent, to.name)
    if (!journal.empty) journal.append({ kind: 'rename', from: fromPath, to: tree.storedPath(inode, to) })
    if (inode.file !== undefined) this.#changedLinks(inode)
  }

  #exchange(parent: Inode, name: ByteString, newParent: Inode, newName: ByteString): void {
    const { tree, table } = this.#services
    const one = this.#require(parent, name).inode
    const other = this.#require(newParent, newName).inode
    if (one === other) return
    const oneHere = this.#storedNameHere(one, parent, name)
    const otherHere = this.#storedNameHere(other, newParent, newName)
    if (oneHere !== tree.storedName(other, name) || otherHere !== tree.storedName(one, newName)) {
      throw new DfsError('unsupported', 'a file and something else cannot be exchanged', { op: 'rename' })
    }
    renameAt(tree.directoryFd(parent), oneHere, tree.directoryFd(newParent), otherHere, RENAME.EXCHANGE)
    this.renames++
    table.removePlace(one, parent, name)
    table.removePlace(other, newParent, newName)
    table.addPlace(one, newParent, newName)
    table.addPlace(other, parent, name)
    this.#noteExchange(tree.storedPath(one), tree.storedPath(other))
  }

  /** `one` and `other`: the paths after it. */
  #noteExchange(one: ByteString, other: ByteString): void {
    const { journal } = this.#services
    if (journal.empty) return
    const aside = `${one}~exchange`
    for (const [from, to] of [[other, aside], [one, other], [aside, one]] as const) {
      journal.append({ kind: 'rename', from, to })
    }
  }

  /** Keeps the file that is about to be replaced as a version, if it is worth it; whether it lives on as one. */
  #beforeReplacing({ inode, stat }: { inode: Inode; stat: Stat }): boolean {
    const { file } = inode
    if (file === undefined || stat.nlink > 1 || !this.#versions.isWorthKeeping(file)) return false
    if (inode.opens === 0) {
      this.#versions.linkBeforeReplace(inode)
      return true
    }
    this.#versions.copyBeforeUnlink(inode)
    return false
  }

  #removeName(inode: Inode, stat: Stat, parent: Inode, name: ByteString): void {
    const { tree, table } = this.#services
    const { file } = inode
    const isLast = stat.nlink <= 1
    if (file !== undefined && isLast && this.#versions.isWorthKeeping(file)) {
      if (inode.opens === 0) {
        this.#versions.take(inode)
        this.#committer.release(inode)
        return
      }
      this.#versions.copyBeforeUnlink(inode)
    }
    const path = tree.storedPath(inode, { parent, name })
    if (isLast) this.#holdOpen(inode)
    unlinkAt(tree.directoryFd(parent), this.#storedNameHere(inode, parent, name))
    table.removePlace(inode, parent, name)
    this.#lostName(inode, stat, path)
  }

  /** A file that is open lives on without a name: through a descriptor of its stub. */
  #holdOpen(inode: Inode): void {
    if (inode.opens > 0 && inode.heldFd === undefined && inode.kind !== 'other') {
      inode.heldFd = this.#services.tree.open(inode, O.RDWR)
    }
  }

  /** `stat`: before the name was removed. */
  #lostName(inode: Inode, stat: Stat, path: ByteString): void {
    const { journal, table } = this.#services
    const { file } = inode
    if (stat.nlink > 1) {
      if (inode.places.length > 0) this.#changedLinks(inode)
    } else if (file !== undefined) {
      if (file.needsCheckpoint) {
        journal.append({ kind: 'remove', place: { ino: inode.statIno, btimeNs: inode.btimeNs, path } })
      }
      this.#committer.orphan(file)
      file.ctimeNs = nowNs()
    }
    table.release(inode)
  }

  /** A name more or less is a change of the file, though not of its content. */
  #changedLinks(inode: Inode): void {
    const { file } = inode
    if (file === undefined || file.orphan) return
    this.#committer.touch(file)
    file.ctimeNs = nowNs()
    if (!this.#committer.isUnsettled(file) && file.writers === 0) this.#committer.commit(file)
  }

  #makeStub(parent: Inode, name: ByteString, mode: number, caller: Caller): Inode {
    const { tree } = this.#services
    const dirFd = tree.directoryFd(parent)
    const stored = storedNameOfFile(name)
    const wanted = mode & PERMISSIONS
    const fd = openAt(dirFd, stored, O.CREAT | O.EXCL | O.RDWR, IS_ROOT ? wanted : wanted | OWNER_READ_WRITE)
    let stat: Stat
    try {
      this.#giveTo(caller, dirFd, stored)
      stat = statFd(fd)
    } finally {
      closeFd(fd)
    }
    const inode = this.#intern({ stored, stat, kind: 'stub' }, parent, name)
    if ((stat.mode & PERMISSIONS) !== wanted) {
      this.#committer.touch(inode.file!)
      inode.file!.mode = wanted
    }
    return inode
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
    this.#giveTo(caller, dirFd, stored)
    return this.find(parent, name)!.inode
  }

  /** New objects belong to who made them; the group of a setgid directory was set by the disk below. */
  #giveTo({ uid, gid }: Caller, dirFd: number, stored: ByteString): void {
    if (!IS_ROOT || (uid === 0 && gid === 0)) return
    const parentHasSetgid = (statFd(dirFd).mode & SETGID) !== 0
    chownAt(dirFd, stored, uid, parentHasSetgid ? -1 : gid)
  }

  #intern({ stored, stat, kind, attributes }: Found, parent: Inode, name: ByteString): Inode {
    const { tree, table } = this.#services
    const known = parent.children.get(name)
    if (known !== undefined && known.kind === kind && known.is(stat)) return known
    if (kind !== 'stub') return table.intern(stat, kind, parent, name)
    // Asked before anything is remembered, for a damaged stub fails here.
    const said = attributes ?? tree.attributes(tree.directoryFd(parent), stored, stat)
    const inode = table.intern(stat, kind, parent, name)
    inode.file ??= new StubFile(inode, said)
    return inode
  }

  #require(parent: Inode, name: ByteString): { inode: Inode; stat: Stat } {
    this.#checkMayChange(parent)
    const found = this.find(parent, name)
    if (found === undefined) throw new DfsError('not-found', 'there is no such file')
    if (this.#isReservedRoot(parent, name)) throw readOnly()
    return found
  }

  /** `stored`: what the new object would be called on disk. */
  #checkNew(parent: Inode, name: ByteString, stored: ByteString): void {
    requireDirectory(parent)
    checkName(name, stored)
    this.#checkMayChange(parent)
    if (this.#isReservedRoot(parent, name)) throw readOnly()
    const found = this.#services.tree.find(parent, name)
    if (found !== undefined) throw new DfsError('exists', 'the name exists')
  }

  #checkMayChange(directory: Inode): void {
    for (let at = directory; at !== this.#services.table.root; at = at.place.parent) {
      if (this.#isReservedRoot(at.place.parent, at.place.name)) throw readOnly()
    }
  }

  #isReservedRoot(parent: Inode, name: ByteString): boolean {
    return name === RESERVED_NAME && parent === this.#services.table.root
  }

  /** The name on disk of an object found by this visible name. */
  #storedNameHere(inode: Inode, parent: Inode, name: ByteString): ByteString {
    const { tree } = this.#services
    const usual = tree.storedName(inode, name)
    if (inode.kind === 'stub' || inode.kind === 'plain' || usual === name) return usual
    return statAt(tree.directoryFd(parent), usual) === undefined ? name : usual
  }
}

function requireDirectory(inode: Inode): void {
  if (inode.kind !== 'directory') throw new DfsError('not-a-directory', 'it is not a directory')
}

function checkReplace(source: Inode, target: Inode | undefined): void {
  if (target === undefined) return
  if (source.kind === 'directory' && target.kind !== 'directory') throw new DfsError('not-a-directory', 'a file is in the way')
  if (source.kind !== 'directory' && target.kind === 'directory') throw new DfsError('is-a-directory', 'a directory is in the way')
}

function readOnly(): DfsError {
  return new DfsError('read-only', 'what is below .dfs cannot be changed here')
}
