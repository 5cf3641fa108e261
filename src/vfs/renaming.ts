/**
 * Renaming: one step on the disk below, after which the table and the journal know the new names.
 *
 * A rename that replaces a file makes its source durable first, so that a crash leaves the old file or the new one.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { checkName, mayBeStub } from '../format/stored-name.ts'
import { RENAME, renameAt, unlinkAt } from '../posix/names.ts'
import { statAt } from '../posix/stat.ts'
import type { Committer } from './committer.ts'
import type { Finder } from './finder.ts'
import type { Inode, Place } from './inode-table.ts'
import { changeOf, idOf, noteName } from './note-names.ts'
import type { Removal } from './removal.ts'
import type { Services } from './services.ts'

export interface RenamingOptions {
  finder: Finder
  committer: Committer
  removal: Removal
  /** Turns a plain file that stands where a stub must go into a stub of its own. */
  adoptInWay(parent: Inode, name: ByteString): Promise<void>
}

export class Renaming {
  readonly #services: Services
  readonly #finder: Finder
  readonly #committer: Committer
  readonly #removal: Removal
  readonly #adoptInWay: RenamingOptions['adoptInWay']
  /** How often something was renamed: a walk over the tree that ran beside one may have missed it. */
  count = 0

  constructor(services: Services, { finder, committer, removal, adoptInWay }: RenamingOptions) {
    this.#services = services
    this.#finder = finder
    this.#committer = committer
    this.#removal = removal
    this.#adoptInWay = adoptInWay
  }

  async rename(parent: Inode, name: ByteString, newParent: Inode, newName: ByteString, flags: number): Promise<void> {
    if ((flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE)) !== 0) throw new DfsError('invalid', 'unknown flags of rename')
    this.#finder.checkMayChange(newParent)
    const source = this.#finder.require(parent, name)
    checkName(newName, this.#services.tree.storedName(source.inode, newName))
    if ((flags & RENAME.EXCHANGE) !== 0) return this.#exchange(parent, name, newParent, newName)
    const target = this.#finder.find(newParent, newName)
    if (target !== undefined && (flags & RENAME.NOREPLACE) !== 0) throw targetExists()
    if (target?.inode === source.inode) return
    checkReplace(source.inode, target?.inode)
    // Who replaces a file by a new one wants the old or the new after a crash: the new one must be safe first.
    if (target !== undefined && source.inode.file !== undefined) await this.#committer.fsync(source.inode.file)
    // An empty plain file named like a stub would be taken for one.
    if (source.inode.kind === 'plain' && mayBeStub(newName)) await this.#adoptInWay(parent, name)
    const stored = this.#services.tree.storedName(source.inode, newName)
    const inTheWay = statAt(this.#services.tree.directoryFd(newParent), stored)
    if (inTheWay !== undefined && target === undefined) await this.#adoptInWay(newParent, stored)
    // Something may have come there meanwhile: the kernel does not hold the directory any more for who was killed.
    if ((flags & RENAME.NOREPLACE) !== 0 && this.#finder.find(newParent, newName) !== undefined) throw targetExists()
    this.move(this.#finder.require(parent, name).inode, { parent, name }, { parent: newParent, name: newName })
  }

  /** All of it happens in one go. A file that replaces another is to be durable. */
  move(inode: Inode, from: Place, to: Place): void {
    const { tree, table, journal } = this.#services
    const target = this.#finder.find(to.parent, to.name)
    checkReplace(inode, target?.inode)
    const fromStored = this.#finder.storedNameHere(inode, from.parent, from.name)
    const toStored = tree.storedName(inode, to.name)
    const fromPath = tree.storedPath(inode, from)
    const targetPath = target === undefined ? '' : tree.storedPath(target.inode, to)
    const keptTarget = target !== undefined && this.#removal.beforeReplacing(target)
    if (target !== undefined && !keptTarget) this.#removal.beforeUnlink(target.inode, target.stat, targetPath)
    const replaced = target === undefined ? undefined : this.#finder.storedNameHere(target.inode, to.parent, to.name)
    if (target?.inode.kind === 'directory') tree.dropDirectory(target.inode)
    renameAt(tree.directoryFd(from.parent), fromStored, tree.directoryFd(to.parent), toStored)
    this.count++
    const moved = statAt(tree.directoryFd(to.parent), toStored)
    if (replaced !== undefined && replaced !== toStored) unlinkAt(tree.directoryFd(to.parent), replaced)
    if (target !== undefined) {
      table.removePlace(target.inode, to.parent, to.name)
      if (keptTarget) this.#committer.release(target.inode)
      else this.#removal.lostName(target.inode, target.stat, targetPath)
    }
    table.removePlace(inode, from.parent, from.name)
    table.addPlace(inode, to.parent, to.name)
    if (moved !== undefined) {
      const over = target === undefined ? undefined : idOf(target.stat)
      noteName(journal, { kind: 'rename', ...changeOf(moved, fromPath), to: tree.storedPath(inode, to), over })
    }
    if (inode.file !== undefined) this.#removal.changedLinks(inode)
  }

  #exchange(parent: Inode, name: ByteString, newParent: Inode, newName: ByteString): void {
    const { tree, table, journal } = this.#services
    const one = this.#finder.require(parent, name).inode
    const { inode: other, stat: otherStat } = this.#finder.require(newParent, newName)
    if (one === other) return
    const oneHere = this.#finder.storedNameHere(one, parent, name)
    const otherHere = this.#finder.storedNameHere(other, newParent, newName)
    if (oneHere !== tree.storedName(other, name) || otherHere !== tree.storedName(one, newName)) {
      throw new DfsError('unsupported', 'a file and something else cannot be exchanged', { op: 'rename' })
    }
    const onePath = tree.storedPath(one, { parent, name })
    const otherPlace = { ...idOf(otherStat), path: tree.storedPath(other, { parent: newParent, name: newName }) }
    renameAt(tree.directoryFd(parent), oneHere, tree.directoryFd(newParent), otherHere, RENAME.EXCHANGE)
    this.count++
    const moved = statAt(tree.directoryFd(newParent), otherHere)
    table.removePlace(one, parent, name)
    table.removePlace(other, newParent, newName)
    table.addPlace(one, newParent, newName)
    table.addPlace(other, parent, name)
    if (moved !== undefined) noteName(journal, { kind: 'exchange', ...changeOf(moved, onePath), other: otherPlace })
    for (const inode of [one, other]) this.#removal.changedLinks(inode)
  }
}

function targetExists(): DfsError {
  return new DfsError('exists', 'the new name exists')
}

function checkReplace(source: Inode, target: Inode | undefined): void {
  if (target === undefined) return
  if (source.kind === 'directory' && target.kind !== 'directory') {
    throw new DfsError('not-a-directory', 'a file is in the way')
  }
  if (source.kind !== 'directory' && target.kind === 'directory') {
    throw new DfsError('is-a-directory', 'a directory is in the way')
  }
}
