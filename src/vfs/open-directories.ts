/**
 * Open handles of directories.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { closeFd, O, openAt, syncFd } from '../posix/files.ts'
import type { Inode } from './inode-table.ts'
import type { Seen } from './listing.ts'
import type { Attributes, Awaitable, DirectoryEntry, Lookup } from './operations.ts'
import type { Services } from './services.ts'
import type { Found } from './stub-tree.ts'

interface OpenDirectory {
  readonly directory: Inode
  entries: Awaitable<DirectoryEntry[]> | undefined
}

export interface OpenDirectoriesOptions {
  /** What is in a directory; `seen` is filled as `listDirectory` does. */
  list: (directory: Inode, seen?: Seen) => Awaitable<DirectoryEntry[]>
  /** `seen`: what the disk has by this name, if that was found out a moment ago. */
  lookUp: (directory: Inode, name: ByteString, seen?: Found) => Awaitable<Attributes | undefined>
}

export class OpenDirectories {
  readonly #services: Services
  readonly #options: OpenDirectoriesOptions
  readonly #open = new Map<number, OpenDirectory>()
  #next = 1

  constructor(services: Services, options: OpenDirectoriesOptions) {
    this.#services = services
    this.#options = options
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
  read(handle: number): Awaitable<readonly DirectoryEntry[]> {
    const open = this.#get(handle)
    open.entries ??= this.#options.list(open.directory)
    return open.entries
  }

  /** The same, for `use` to look entries up: what it does so before it returns costs the disk nothing more. */
  readAndLookUp<T>(
    handle: number,
    use: (entries: readonly DirectoryEntry[], lookup: Lookup) => Awaitable<T>,
  ): Awaitable<T> {
    const { list, lookUp } = this.#options
    const open = this.#get(handle)
    const { directory } = open
    const seen: Seen = new Map()
    open.entries ??= list(directory, seen)
    // While it is waited for anything may change.
    if (open.entries instanceof Promise) {
      return open.entries.then((entries) => use(entries, (name) => lookUp(directory, name)))
    }
    try {
      return use(open.entries, (name) => lookUp(directory, name, seen.get(name)))
    } finally {
      seen.clear()
    }
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
