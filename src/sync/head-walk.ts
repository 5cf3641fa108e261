/**
 * The entries of a folder, from its directory of stubs, in the order that a head has them.
 *
 * Reads only: follows no symbolic link, changes nothing (but that the system notes when links were read), and reaches files
 * only below the directory it was given. An object that changes meanwhile is carried as it was or as it is. One that is
 * renamed may be met under both its names or none: who walks beside a mount brings the renames in afterwards (`updateHead`).
 * Commits that are only in the journal are not seen.
 */
import { Slices } from '../concurrency/slices.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError, type ErrorKind } from '../errors.ts'
import type { HeadEntry } from '../format/head-entry.ts'
import { isHeadPath, joinPath, lastName, parentPath } from '../format/head-path.ts'
import { closeFd, O } from '../posix/files.ts'
import { statAt, statFd } from '../posix/stat.ts'
import type { Keys } from '../seal/keys.ts'
import { type Candidate, candidatesIn, candidatesNamed } from './head-candidates.ts'
import { LinkGroups, LinkNames } from './head-links.ts'
import { openDirectoryAt, REPLACED } from './head-lookup.ts'
import { directoryEntry, openQuietly, otherEntry, stubEntry } from './head-objects.ts'
import { isBeingRestored } from './head-restoring.ts'

type Awaitable<T> = T | Promise<T>

export interface FolderWalkOptions {
  /** A descriptor of the folder's directory, O_PATH or not; stays open, and the caller's. */
  readonly rootFd: number
  readonly keys: Keys
  /**
   * Hears of an object that cannot be carried and why: a socket, a path too long, a damaged stub. The entry that it gives
   * for what cannot be read (from the head before, perhaps) takes its place.
   */
  readonly onLeftOut?: (path: ByteString, why: DfsError) => Awaitable<HeadEntry | undefined>
  /** Where it begins: at the root (''), or at the object of another path, if there is one. */
  readonly from?: ByteString
  /** Whether all is walked that is below; default. */
  readonly isDeep?: boolean
  /** Names of objects that have several, which are known; those that are met are added. */
  readonly linkNames?: LinkNames
  /** Where others get their turn; default: slices of its own. */
  readonly slices?: Slices
  /** Hears of an object whose extended attributes are not carried. */
  readonly onXattrsLeftOut?: (path: ByteString, why: DfsError) => void
}

/** What is wrong with one object alone, or with its kind. What is wrong with the machine (no descriptors left) fails the walk. */
const CANNOT_BE_READ: ReadonlySet<ErrorKind> = new Set([
  'corrupt',
  'wrong-key',
  'newer-version',
  'io',
  'no-permission',
  'unsupported',
  'stale',
  'loop',
  'past-end',
  'invalid',
])

/** What is carried of a name, and the open directory if it is one. */
type Found = { entry: HeadEntry; fd: number } | { entry?: HeadEntry | undefined; fd?: undefined }

interface OpenDirectory {
  readonly fd: number
  readonly path: ByteString
  /** The last one is the next. */
  readonly left: Candidate[]
  /** The visible name that was carried last. */
  last?: ByteString
}

/**
 * To be walked once. Fails if a directory cannot be read, and with `busy` if the folder is only being brought back: what is
 * not seen must not be taken for gone.
 */
export class FolderWalk implements AsyncIterable<HeadEntry> {
  /** Plain files met so far: they are not carried. */
  plainFiles = 0
  /** Other objects met so far that could not be carried, whatever took their place. */
  leftOut = 0
  readonly #options: FolderWalkOptions
  readonly #links: LinkGroups
  readonly #onXattrsLeftOut: (path: ByteString, why: DfsError) => void

  constructor(options: FolderWalkOptions) {
    this.#options = options
    this.#links = new LinkGroups(options.linkNames ?? new LinkNames())
    this.#onXattrsLeftOut = options.onXattrsLeftOut ?? (() => undefined)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<HeadEntry> {
    if (isBeingRestored(this.#options.rootFd)) {
      throw new DfsError('busy', 'the folder is still being brought back', { op: 'walk' })
    }
    const { from = '', isDeep = true, slices = new Slices() } = this.#options
    const open: OpenDirectory[] = []
    try {
      const first = from === '' ? this.#root() : await this.#findAt(from)
      if (first.fd !== undefined) {
        if (isDeep) open.push(await this.#listed(first.fd, from, slices))
        else closeFd(first.fd)
      }
      if (first.entry !== undefined) yield first.entry
      for (let directory = open.at(-1); directory !== undefined; directory = open.at(-1)) {
        await slices.next()
        const candidate = directory.left.pop()
        if (candidate === undefined) {
          open.pop()
          closeFd(directory.fd)
          continue
        }
        const found = await this.#find(directory, candidate)
        if (found.fd !== undefined) open.push(await this.#listed(found.fd, found.entry.path, slices))
        if (found.entry === undefined) continue
        directory.last = candidate.visible
        yield found.entry
      }
    } finally {
      for (const { fd } of open) closeFd(fd)
    }
  }

  #root(): Found {
    const fd = openQuietly(this.#options.rootFd, '.', O.DIRECTORY)!
    return { entry: directoryEntry(fd, '', this.#onXattrsLeftOut), fd }
  }

  /** What stands at a path that is not the root's. */
  async #findAt(path: ByteString): Promise<Found> {
    const fd = openDirectoryAt(this.#options.rootFd, parentPath(path)!)
    if (fd === undefined) return {}
    try {
      const { candidates, plainFiles } = candidatesNamed(fd, lastName(path))
      this.plainFiles += plainFiles
      for (const candidate of candidates.toReversed()) {
        const found = await this.#find({ fd, path: parentPath(path)!, left: [] }, candidate)
        if (found.entry !== undefined) return found
      }
      return {}
    } finally {
      closeFd(fd)
    }
  }

  async #listed(fd: number, path: ByteString, slices: Slices): Promise<OpenDirectory> {
    try {
      const { candidates, plainFiles } = await candidatesIn(fd, { isRoot: path === '', slices })
      this.plainFiles += plainFiles
      return { fd, path, left: candidates }
    } catch (error) {
      closeFd(fd)
      throw error
    }
  }

  async #find({ fd: dirFd, path: parent, last }: OpenDirectory, { visible, stored, type }: Candidate): Promise<Found> {
    const path = joinPath(parent, visible)
    const obstacle = obstacleOf(path, last === visible)
    if (obstacle !== undefined) {
      await this.#pass(path, obstacle)
      return {}
    }
    try {
      if (type === 'directory') return this.#directory(dirFd, stored, path)
      return { entry: type === 'file' ? this.#stub(dirFd, stored, path) : this.#other(dirFd, stored, path) }
    } catch (error) {
      const passedOver = type === 'directory' ? REPLACED : CANNOT_BE_READ
      if (!(error instanceof DfsError) || !passedOver.has(error.kind)) throw error
      return { entry: await this.#pass(path, error) }
    }
  }

  #directory(dirFd: number, stored: ByteString, path: ByteString) {
    const fd = openQuietly(dirFd, stored, O.DIRECTORY)
    if (fd === undefined) return {} // Gone since it was listed.
    try {
      return { entry: directoryEntry(fd, path, this.#onXattrsLeftOut), fd }
    } catch (error) {
      closeFd(fd)
      throw error
    }
  }

  #stub(dirFd: number, stored: ByteString, path: ByteString): HeadEntry | undefined {
    const { keys } = this.#options
    const fd = openQuietly(dirFd, stored, O.NONBLOCK)
    if (fd === undefined) return undefined
    try {
      const stat = statFd(fd)
      return this.#links.entryOf(stat, path, () => {
        const entry = stubEntry({ fd, stat, path, keys }, this.#onXattrsLeftOut)
        if (entry === undefined) this.plainFiles++
        return entry
      })
    } finally {
      closeFd(fd)
    }
  }

  #other(dirFd: number, stored: ByteString, path: ByteString): HeadEntry | undefined {
    const stat = statAt(dirFd, stored)
    if (stat === undefined) return undefined
    return this.#links.entryOf(stat, path, () => otherEntry({ dirFd, stored, stat, path }, this.#onXattrsLeftOut))
  }

  async #pass(path: ByteString, why: DfsError): Promise<HeadEntry | undefined> {
    this.leftOut++
    return this.#options.onLeftOut?.(path, why)
  }
}

function obstacleOf(path: ByteString, isNameTaken: boolean): DfsError | undefined {
  if (isNameTaken) return new DfsError('exists', 'another object has the same name')
  return isHeadPath(path) ? undefined : new DfsError('name-too-long', 'the path is too long for a head')
}
