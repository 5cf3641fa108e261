/**
 * The stubs and directories on the disk below, reached only through descriptors: the root's was opened before the
 * mount covered it, so nothing here ever enters our own mount.
 */

import { Lru } from '../concurrency/lru.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import {
  mayBeStub,
  STORED_BYTES_MAX,
  storedNameOfFile,
  storedNameOfOther,
  visibleNameOfOther,
} from '../format/stored-name.ts'
import { STUB_LINE_BYTES, stubKind } from '../format/stub-line.ts'
import { closeFd, O, openAt, preadFd, tryOpenAt } from '../posix/files.ts'
import { MODE, type Stat, statAt, statFd } from '../posix/stat.ts'
import type { Keys } from '../seal/keys.ts'
import { emptyState, type LoadedStub, loadStub } from '../seal/stub-io.ts'
import type { Inode, InodeKind, InodeTable } from './inode-table.ts'
import type { AttributeIndex, StubAttributes } from './services.ts'

export interface Found {
  readonly stored: ByteString
  readonly stat: Stat
  readonly kind: InodeKind
  /** Of a stub that the index knows. */
  readonly attributes?: StubAttributes | undefined
}

const DIRECTORY_FDS_MAX = 512

export class StubTree {
  readonly rootFd: number
  /** Set while a journal is applied, which has what a torn update of a stub lost. */
  acceptsOlder = false
  readonly #keys: Keys
  readonly #index: AttributeIndex
  readonly #table: InodeTable
  readonly #fds = new Lru<Inode, number>({
    weightMax: DIRECTORY_FDS_MAX,
    weigh: () => 1,
    onEvict: (_, fd) => closeFd(fd),
  })

  constructor({
    rootFd,
    keys,
    index,
    table,
  }: { rootFd: number; keys: Keys; index: AttributeIndex; table: InodeTable }) {
    this.rootFd = rootFd
    this.#keys = keys
    this.#index = index
    this.#table = table
    table.onDirectoryForgotten = (directory) => this.dropDirectory(directory)
  }

  /** A descriptor (O_PATH) of a directory, good until the next call. */
  directoryFd(directory: Inode): number {
    if (directory === this.#table.root) return this.rootFd
    const open = this.#fds.get(directory)
    if (open !== undefined) return open
    const { parent, name } = directory.place
    const parentFd = this.directoryFd(parent)
    const fd = this.#openDirectory(parentFd, name, directory)
    this.#fds.set(directory, fd)
    return fd
  }

  /** A directory that was removed or forgotten needs no descriptor any more. */
  dropDirectory(directory: Inode): void {
    const fd = this.#fds.get(directory)
    if (fd === undefined) return
    this.#fds.delete(directory)
  }

  close(): void {
    this.#fds.clear()
    closeFd(this.rootFd)
  }

  /** Finds what a visible name stands for. */
  find(parent: Inode, name: ByteString): Found | undefined {
    const dirFd = this.directoryFd(parent)
    const stub = storedNameOfFile(name)
    if (stub.length <= STORED_BYTES_MAX) {
      const stat = statAt(dirFd, stub)
      const found = stat !== undefined && isRegular(stat) ? this.#stubHere(parent, name, stat) : undefined
      if (found !== undefined) return found
    }
    const other = storedNameOfOther(name)
    const found = other.length <= STORED_BYTES_MAX ? statAt(dirFd, other) : undefined
    if (found !== undefined && !isRegular(found)) return { stored: other, stat: found, kind: kindOfStat(found) }
    const plain = other === name ? found : statAt(dirFd, name)
    if (plain === undefined) return undefined
    // Made behind our back under a name that we would have kept otherwise.
    if (!isRegular(plain))
      return visibleNameOfOther(name) === name ? { stored: name, stat: plain, kind: kindOfStat(plain) } : undefined
    if (mayBeStub(name) && this.isStub(dirFd, name, plain)) return undefined
    return { stored: name, stat: plain, kind: 'plain' }
  }

  /** `stat`: of the regular file that has the stub's name; undefined if it is none. */
  #stubHere(parent: Inode, name: ByteString, stat: Stat): Found | undefined {
    const stored = storedNameOfFile(name)
    const known = parent.children.get(name)
    if (known?.kind === 'stub' && known.is(stat)) return { stored, stat, kind: 'stub' }
    return this.stubOf(this.directoryFd(parent), stored, stat)
  }

  /** A regular file named like a stub, if it is one: by the index, else by its first line. */
  stubOf(dirFd: number, stored: ByteString, stat: Stat): Found | undefined {
    const found: Found = { stored, stat, kind: 'stub' }
    if (stat.size === 0) return found
    const attributes = this.#index.get(stat)
    if (attributes !== undefined) return { ...found, attributes }
    return this.#readHead(dirFd, stored, STUB_LINE_BYTES, (head) => stubKind(head) !== 'plain') ? found : undefined
  }

  isStub(dirFd: number, stored: ByteString, stat: Stat): boolean {
    return this.stubOf(dirFd, stored, stat) !== undefined
  }

  /**
   * What a stub says, from the index if it knows it.
   * Fails with `corrupt`, `wrong-key`, `newer-version`: such a stub is never taken for a plain or an empty file.
   */
  attributes(dirFd: number, stored: ByteString, stat: Stat): StubAttributes {
    if (stat.size === 0) return emptyAttributes(stat)
    const known = this.#index.get(stat)
    if (known !== undefined) return known
    const loaded = this.load(dirFd, stored, stat)
    const attributes = { ...loaded.state, allocatedBytes: loaded.state.meta.size }
    if (!loaded.newerMayBeLost) this.#index.put(stat, attributes)
    return attributes
  }

  load(dirFd: number, stored: ByteString, stat: Stat): LoadedStub {
    const fd = openAt(dirFd, stored, O.RDONLY | O.NOFOLLOW)
    try {
      return this.loadFd(fd, stat)
    } finally {
      closeFd(fd)
    }
  }

  /** What an open stub says. Fails with `corrupt` also if a newer state than the one that is left may be lost. */
  loadFd(fd: number, stat: Stat): LoadedStub {
    const loaded = loadStub(fd, stat, this.#keys)
    if (loaded.newerMayBeLost && !this.acceptsOlder) {
      throw new DfsError('corrupt', 'the newer state in the stub is damaged', {
        op: 'open stub',
        mend: 'see "dfs history" for earlier versions of the file',
      })
    }
    return loaded
  }

  /** The name an inode has on disk. */
  storedName(inode: Inode, name: ByteString = inode.place.name): ByteString {
    if (inode.kind === 'stub') return storedNameOfFile(name)
    if (inode.kind === 'plain') return name
    return storedNameOfOther(name)
  }

  /** The path of an inode's stored name, from the folder's root. */
  storedPath(inode: Inode, { parent, name } = inode.place): ByteString {
    const own = this.storedName(inode, name)
    return parent === this.#table.root ? own : `${this.storedPath(parent)}/${own}`
  }

  /** The path a person sees. */
  visiblePath(inode: Inode): ByteString {
    if (inode === this.#table.root) return ''
    const { parent, name } = inode.place
    return parent === this.#table.root ? name : `${this.visiblePath(parent)}/${name}`
  }

  /** The state of an inode's underlying object now. */
  stat(inode: Inode): Stat {
    if (inode === this.#table.root) return statFd(this.rootFd)
    if (inode.heldFd !== undefined) return statFd(inode.heldFd)
    if (inode.places.length === 0 && inode.lastStat !== undefined) return inode.lastStat
    const { parent } = inode.place
    return this.#statOrFail(this.directoryFd(parent), this.storedName(inode))
  }

  /** Opens an inode's underlying object. The caller closes it. */
  open(inode: Inode, flags: number): number {
    return openAt(this.directoryFd(inode.place.parent), this.storedName(inode), flags | O.NOFOLLOW)
  }

  /** Works on an inode's open stub: the one held since its unlinking, or one opened for the purpose. */
  withStub<T>(inode: Inode, flags: number, work: (fd: number) => T): T {
    if (inode.heldFd !== undefined) return work(inode.heldFd)
    const fd = this.open(inode, flags)
    try {
      return work(fd)
    } finally {
      closeFd(fd)
    }
  }

  #statOrFail(dirFd: number, name: ByteString): Stat {
    const stat = statAt(dirFd, name)
    if (stat === undefined) throw new DfsError('stale', 'the stub below is gone', { op: 'stat', subject: name })
    return stat
  }

  #openDirectory(parentFd: number, name: ByteString, directory: Inode): number {
    const flags = O.PATH | O.DIRECTORY | O.NOFOLLOW
    const fd = tryOpenAt(parentFd, storedNameOfOther(name), flags) ?? tryOpenAt(parentFd, name, flags)
    if (fd === undefined) throw new DfsError('stale', 'a directory below is gone', { subject: name })
    if (!directory.is(statFd(fd))) {
      closeFd(fd)
      throw new DfsError('stale', 'another directory stands in its place', { subject: name })
    }
    return fd
  }

  #readHead<T>(dirFd: number, stored: ByteString, bytes: number, read: (head: Buffer) => T): T | undefined {
    const fd = tryOpenAt(dirFd, stored, O.RDONLY | O.NOFOLLOW)
    if (fd === undefined) return undefined
    try {
      const head = Buffer.alloc(bytes)
      return read(head.subarray(0, preadFd(fd, head, 0, bytes, 0)))
    } finally {
      closeFd(fd)
    }
  }
}

/** What a stub of no bytes says: it is an empty file. */
export function emptyAttributes(stat: Stat): StubAttributes {
  return { ...emptyState(stat), allocatedBytes: 0 }
}

export function isRegular(stat: Stat): boolean {
  return (stat.mode & MODE.FORMAT) === MODE.REGULAR
}

export function isDirectory(stat: Stat): boolean {
  return (stat.mode & MODE.FORMAT) === MODE.DIRECTORY
}

function kindOfStat(stat: Stat): InodeKind {
  return isDirectory(stat) ? 'directory' : 'other'
}
