/**
 * Taking names away: what becomes of an object that has lost one, or its last.
 *
 * A file that is open lives on without a name until its last handle is closed; one that was worth keeping becomes a
 * version.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { O } from '../posix/files.ts'
import { removeDirectoryAt, unlinkAt } from '../posix/names.ts'
import type { Stat } from '../posix/stat.ts'
import { nowNs } from './clock.ts'
import type { Committer } from './committer.ts'
import { type Finder, type FoundInode, requireDirectory } from './finder.ts'
import type { Inode } from './inode-table.ts'
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
    const { inode } = this.#finder.require(parent, name)
    requireDirectory(inode)
    const { tree, table } = this.#services
    removeDirectoryAt(tree.directoryFd(parent), this.#finder.storedNameHere(inode, parent, name))
    tree.dropDirectory(inode)
    table.removePlace(inode, parent, name)
    table.release(inode)
  }

  /** Keeps the file that is about to be replaced as a version, if it is worth it; whether it lives on as one. */
  beforeReplacing({ inode, stat }: FoundInode): boolean {
    const { file } = inode
    if (file === undefined || stat.nlink > 1 || !this.#versions.isWorthKeeping(file)) return false
    if (inode.opens === 0) {
      this.#versions.linkBeforeReplace(inode)
      return true
    }
    this.#versions.copyBeforeUnlink(inode)
    return false
  }

  /** A file that is open lives on without a name: through a descriptor of its stub. */
  holdOpen(inode: Inode): void {
    if (inode.opens > 0 && inode.heldFd === undefined && inode.kind !== 'other') {
      inode.heldFd = this.#services.tree.open(inode, O.RDWR)
    }
  }

  /** What follows for an object when one of its names is gone; `stat` and `path` are from before. */
  lostName(inode: Inode, stat: Stat, path: ByteString): void {
    const { journal, table } = this.#services
    const { file } = inode
    if (stat.nlink > 1) {
      if (inode.places.length > 0) this.changedLinks(inode)
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
  changedLinks(inode: Inode): void {
    const { file } = inode
    if (file === undefined || file.orphan) return
    this.#committer.touch(file)
    file.ctimeNs = nowNs()
    if (!this.#committer.isUnsettled(file) && file.writers === 0) this.#committer.commit(file)
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
    if (isLast) this.holdOpen(inode)
    unlinkAt(tree.directoryFd(parent), this.#finder.storedNameHere(inode, parent, name))
    table.removePlace(inode, parent, name)
    this.lostName(inode, stat, path)
  }
}
