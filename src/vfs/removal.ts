/**
 * Taking names away: what becomes of an object that has lost one, or its last.
 *
 * A file that is open lives on without a name until its last handle is closed; one that was worth keeping becomes a
 * version.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { O } from '../posix/files.ts'
import { removeDirectoryAt, unlinkAt } from '../posix/names.ts'
import type { Stat } from '../posix/stat.ts'
import { nowNs } from './clock.ts'
import type { Committer } from './committer.ts'
import { type Finder, type FoundInode, requireDirectory } from './finder.ts'
import type { Inode } from './inode-table.ts'
import { changeOf, noteName } from './note-names.ts'
import type { Services } from './services.ts'
import type { Versions } from './versions.ts'

export interface RemovalOptions {
  finder: Finder
  committer: Committer
  versions: Versions
}

export class Removal {
  readonly #services: Services
  readonly #finder: Finder
  readonly #committer: Committer
  readonly #versions: Versions

  constructor(services: Services, { finder, committer, versions }: RemovalOptions) {
    this.#services = services
    this.#finder = finder
    this.#committer = committer
    this.#versions = versions
  }

  unlink(parent: Inode, name: ByteString): void {
    const { inode, stat } = this.#finder.require(parent, name)
    if (inode.kind === 'directory') throw new DfsError('is-a-directory', 'it is a directory')
    this.#removeName(inode, stat, parent, name)
  }

  rmdir(parent: Inode, name: ByteString): void {
    const { inode, stat } = this.#finder.require(parent, name)
    requireDirectory(inode)
    const { tree, table } = this.#services
    this.#holdDirectory(inode)
    removeDirectoryAt(tree.directoryFd(parent), this.#finder.storedNameHere(inode, parent, name))
    tree.dropDirectory(inode)
    table.removePlace(inode, parent, name)
    inode.lastStat = { ...stat, nlink: 0 }
    table.noteGone(inode)
    table.release(inode)
  }

  /** Keeps the file that is about to be replaced as a version, if it is worth it; whether it lives on as one. */
  beforeReplacing({ inode, stat }: FoundInode): boolean {
    const { file } = inode
    if (file === undefined || stat.nlink > 1 || !this.#versions.isWorthKeeping(file)) return false
    if (inode.opens === 0) return this.#versions.linkBeforeReplace(inode)
    this.#versions.copyBeforeUnlink(inode)
    return false
  }

  /**
   * To be called before a name goes; `stat` and `path` are the object's under this name. A file that is still needed
   * when its last name known here is gone lives on through a descriptor of its stub.
   */
  beforeUnlink(inode: Inode, stat: Stat, path: ByteString): void {
    const { journal, tree } = this.#services
    if (inode.kind === 'directory') {
      this.#holdDirectory(inode)
      return
    }
    const isLast = stat.nlink <= 1
    const { ino, btimeNs } = stat
    if (isLast && inode.file !== undefined && inode.file.sequence > 0) {
      noteName(journal, { kind: 'remove', place: { ino, btimeNs, path } })
    }
    const isNeeded = inode.opens > 0 || (!isLast && inode.file?.isBusy === true)
    const isRegular = inode.kind === 'stub' || inode.kind === 'plain'
    if (!isNeeded || !isRegular || inode.heldFd !== undefined || (!isLast && inode.places.length > 1)) return
    inode.heldFd = tree.open(inode, O.RDWR)
  }

  /** What follows for an object when one of its names is gone; `stat` and `path` are from before. */
  lostName(inode: Inode, stat: Stat, path: ByteString): void {
    const { file } = inode
    // A directory has but one name; its other links are those of what is in it.
    const nlink = inode.kind === 'directory' ? 0 : stat.nlink - 1
    inode.lastStat = { ...stat, nlink }
    if (nlink <= 0) this.#services.table.noteGone(inode)
    if (file === undefined) {
      this.#services.table.release(inode)
      return
    }
    if (nlink <= 0) {
      this.#committer.orphan(file)
      file.ctimeNs = nowNs()
      return
    }
    if (inode.places.length > 0) this.changedLinks(inode)
    else file.formerPath = path
    this.#committer.release(inode)
  }

  /** A name more or less is a change of the file, though not of its content. */
  changedLinks(inode: Inode): void {
    const { file } = inode
    if (file === undefined || file.orphan) return
    file.stubChanges++
    this.#committer.touch(file)
    file.ctimeNs = nowNs()
    this.#committer.tryCommit(file)
  }

  /** Whoever has it open may still ask for its attributes, and change them. Closed with the last handle. */
  #holdDirectory(inode: Inode): void {
    if (inode.opens === 0 || inode.heldFd !== undefined) return
    try {
      inode.heldFd = this.#services.tree.open(inode, O.RDONLY | O.DIRECTORY)
    } catch (error) {
      if (kindOf(error) !== 'no-permission') throw error
    }
  }

  #removeName(inode: Inode, stat: Stat, parent: Inode, name: ByteString): void {
    const { tree, table } = this.#services
    const { file } = inode
    const isLast = stat.nlink <= 1
    if (file !== undefined && isLast && this.#versions.isWorthKeeping(file)) {
      if (inode.opens > 0) this.#versions.copyBeforeUnlink(inode)
      else if (this.#versions.take(inode)) {
        this.#committer.release(inode)
        return
      }
    }
    const path = tree.storedPath(inode, { parent, name })
    this.beforeUnlink(inode, stat, path)
    unlinkAt(tree.directoryFd(parent), this.#finder.storedNameHere(inode, parent, name))
    table.removePlace(inode, parent, name)
    if (file !== undefined && !isLast) this.#noteUnlink(inode, path)
    this.lostName(inode, stat, path)
  }

  /** Where no other name of it is known, nobody can tell what the object is now. */
  #noteUnlink(inode: Inode, path: ByteString): void {
    const { tree, journal } = this.#services
    if (inode.heldFd === undefined && inode.places.length === 0) return
    noteName(journal, { kind: 'unlink', ...changeOf(tree.stat(inode), path) })
  }
}
