/**
 * Files that are made without a name, and may get one later.
 *
 * Until then nothing of them is stored but the blocks that memory has no room for: they end with their last handle, as
 * unlinked ones do, whether synced or not. Who syncs one and gives it a name wants all of it or nothing after a crash: what has
 * been written is made durable before the name is there.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { storedNameOfFile } from '../format/stored-name.ts'
import { linkFd } from '../posix/names.ts'
import { MODE } from '../posix/stat.ts'
import type { Committer } from './committer.ts'
import type { Finder, FoundInode } from './finder.ts'
import type { Inode } from './inode-table.ts'
import { makeStub } from './new-stub.ts'
import { noteName } from './note-names.ts'
import type { Caller } from './operations.ts'
import type { Services } from './services.ts'
import { StubFile } from './stub-file.ts'
import { emptyAttributes } from './stub-tree.ts'

export class Nameless {
  readonly #services: Services
  readonly #finder: Finder
  readonly #committer: Committer

  constructor(services: Services, { finder, committer }: { finder: Finder; committer: Committer }) {
    this.#services = services
    this.#finder = finder
    this.#committer = committer
  }

  /** Makes an empty file on the disk that a directory is on. Adds no lookup. */
  make(directory: Inode, mode: number, caller: Caller): FoundInode {
    const { tree, table } = this.#services
    this.#finder.checkMayChange(directory)
    const { fd, stat, mode: own } = makeStub(tree.directoryFd(directory), undefined, mode & MODE.PERMISSIONS, caller)
    const inode = table.addNameless(stat)
    inode.file = new StubFile(inode, emptyAttributes(stat))
    inode.file.mode = own
    inode.heldFd = fd
    inode.lastStat = stat
    inode.hasNoCapabilities = true
    this.#committer.keepUnnamed(inode.file)
    return { inode, stat }
  }

  /** Gives it its first name. Fails with `exists`, with `not-found` for what had a name, and as storing it fails. */
  async link(inode: Inode, parent: Inode, name: ByteString): Promise<void> {
    const { tree, table, journal } = this.#services
    const { file, heldFd } = inode
    const stored = storedNameOfFile(name)
    this.#finder.checkNew(parent, name, stored)
    if (file?.orphan !== true || heldFd === undefined || file.sequence > 0) throw gone()
    const path = parent === table.root ? stored : `${tree.storedPath(parent)}/${stored}`
    // Whoever closes it meanwhile does not end it.
    inode.opens++
    try {
      await this.#committer.storeAs(file, path)
      this.#finder.checkNew(parent, name, stored)
      linkFd(heldFd, tree.directoryFd(parent), stored)
      table.addPlace(inode, parent, name)
      file.stubChanges++
      file.formerPath = undefined
    } catch (error) {
      if (file.sequence > 0) {
        noteName(journal, { kind: 'remove', place: { ino: inode.statIno, btimeNs: inode.btimeNs, path } })
      }
      this.#committer.orphan(file)
      throw error
    } finally {
      inode.opens--
      this.#committer.release(inode)
    }
  }
}

function gone(): DfsError {
  return new DfsError('not-found', 'the object has no name any more')
}
