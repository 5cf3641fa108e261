/**
 * Open handles of directories.
 */
import { DfsError } from '../errors.ts'
import { closeFd, O, openAt, syncFd } from '../posix/files.ts'
import type { Inode } from './inode-table.ts'
import type { DirectoryEntry } from './operations.ts'
import type { Services } from './services.ts'

interface OpenDirectory {
  readonly directory: Inode
  entries: Promise<DirectoryEntry[]> | undefined
}

export class OpenDirectories {
  readonly #services: Services
  readonly #list: (directory: Inode) => Promise<DirectoryEntry[]>
  readonly #open = new Map<number, OpenDirectory>()
  #next = 1

  constructor(services: Services, list: (directory: Inode) => Promise<DirectoryEntry[]>) {
    this.#services = services
    this.#list = list
  }

  open(directory: Inode): number {
    if (directory.kind !== 'directory') throw new DfsError('not-a-directory', 'it is not a directory')
    const handle = this.#next++
    directory.opens++
    this.#open.set(handle, { directory, entries: undefined })
    return handle
  }

  inodeOf(handle: number): Inode {
    return this.#get(handle).directory
  }

  /** What the directory held when it was first read through this handle. */
  read(handle: number): Promise<readonly DirectoryEntry[]> {
    const open = this.#get(handle)
    open.entries ??= this.#list(open.directory)
    return open.entries
  }

  release(handle: number): void {
    const { directory } = this.#get(handle)
    this.#open.delete(handle)
    directory.opens--
    if (directory.opens === 0 && directory.heldFd !== undefined) {
      closeFd(directory.heldFd)
      directory.heldFd = undefined
    }
    this.#services.table.release(directory)
  }

  async sync(handle: number): Promise<void> {
    const { directory } = this.#get(handle)
    // Opened anew: a descriptor that is held may be closed while the disk is waited for.
    const dirFd = directory.heldFd ?? this.#services.tree.directoryFd(directory)
    const fd = openAt(dirFd, '.', O.RDONLY | O.DIRECTORY)
    try {
      await syncFd(fd)
    } finally {
      closeFd(fd)
    }
    await this.#services.journal.sync()
  }

  #get(handle: number): OpenDirectory {
    const open = this.#open.get(handle)
    if (open === undefined) throw new DfsError('bad-handle', `directory handle ${handle} is not open`)
    return open
  }
}
