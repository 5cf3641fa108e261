/**
 * Versions and trash: what was overwritten or deleted, as copies of stubs below `.dfs/versions/FILEID/TIME.f`,
 * each with the path it had inside. Content stays in its blocks, for versions count as references.
 *
 * TIME is when the version was superseded, in UTC; the version was the file's content until then.
 */
import type { ByteString } from '../dfs.ts'
import { kindOf } from '../errors.ts'
import { RESERVED_NAME, STUB_SUFFIX } from '../format/stored-name.ts'
import { STUB_BYTES_MAX, TRAILER_OFFSET } from '../format/stub.ts'
import { closeFd, O, openAt, preadFd, pwriteFd } from '../posix/files.ts'
import { linkAt, makeDirectoryAt, RENAME, removeDirectoryAt, renameAt, unlinkAt } from '../posix/names.ts'
import { type Stat, statAt } from '../posix/stat.ts'
import type { Keys } from '../seal/keys.ts'
import { sealTrailer } from '../seal/stub-slot.ts'
import { nowNs } from './clock.ts'
import type { Inode } from './inode-table.ts'
import { changeOf, noteName } from './note-names.ts'
import type { Services } from './services.ts'
import type { StubFile } from './stub-file.ts'
import { formatVersionTime } from './version-time.ts'

export const VERSIONS_DIRECTORY = 'versions'

/** A file overwritten again within this time makes no second version. */
export const OVERWRITTEN_EVERY_MS = 60_000
/** How many files' last versions are remembered; forgetting one costs a version too many. */
const REMEMBERED_MAX = 10_000

export class Versions {
  readonly #services: Services
  /** `.dfs/versions`. */
  readonly directory: Inode
  readonly #deletedAgeNsMin: bigint
  /** When each file last made a version, in ms of the monotonic clock. */
  readonly #madeAt = new Map<string, number>()
  /** Whether a file becomes a version, while that is not decided by its age. */
  #keepsAll = false
  /** Told of each version of a path that is kept, and whenever one is removed. */
  onKept: (path: ByteString, version: { id: string; time: string }) => void = () => {}
  onRemoved: () => void = () => {}
  #decided: { readonly file: StubFile; readonly isKept: boolean } | undefined

  /**
   * `directory`: the inode of `.dfs/versions`. A file deleted sooner than `deletedAgeMsMin` after its last change was
   * never meant to stay, and is not kept.
   */
  constructor(services: Services, { directory, deletedAgeMsMin }: { directory: Inode; deletedAgeMsMin: number }) {
    this.#services = services
    this.directory = directory
    this.#deletedAgeNsMin = BigInt(deletedAgeMsMin) * 1_000_000n
  }

  /**
   * Copies the state that a stub still has before a checkpoint writes over it, if it is worth keeping: content that
   * a writer left behind, not a moment in the midst of writing, and at most one a minute.
   */
  keepReplaced(file: StubFile): void {
    if (!file.contentChanged || !file.isClosedVersion || file.stubSequence === 0 || file.orphan) return
    if (file.inode.places.length === 0 || this.#isVersion(file.inode)) return
    const key = file.fileId.toString('hex')
    const last = this.#madeAt.get(key)
    if (last !== undefined && performance.now() - last < OVERWRITTEN_EVERY_MS) return
    this.#copy(file.inode, key)
    this.#remember(key)
  }

  /** What is written over next is kept however soon that is: whoever goes back to a version may have meant another. */
  keepNext(file: StubFile): void {
    this.#madeAt.delete(file.fileId.toString('hex'))
  }

  /** Whether a file that is about to lose its last name should become a version. */
  isWorthKeeping(file: StubFile): boolean {
    // What no stub has yet cannot become a version, which is a stub.
    if (file.stubSequence === 0) return false
    if (file.size === 0) return false
    if (this.#keepsAll) return true
    return this.#decided?.file === file ? this.#decided.isKept : this.isOldEnough(file.ctimeNs)
  }

  /** Whether what was changed last at this time is kept when it is deleted. */
  isOldEnough(changedNs: bigint): boolean {
    const age = nowNs() - changedNs
    // A clock that went back says nothing about the age.
    return age < 0n || age >= this.#deletedAgeNsMin
  }

  /** Whatever `work` replaces or removes becomes a version, however young it is. */
  keepingAll(work: () => void): void {
    this.#keepsAll = true
    try {
      work()
    } finally {
      this.#keepsAll = false
    }
  }

  /** While `work` replaces or removes the file, it becomes a version or not as is said here, however young it is. */
  whileDecided(file: StubFile, isKept: boolean, work: () => void): void {
    this.#decided = { file, isKept }
    try {
      work()
    } finally {
      this.#decided = undefined
    }
  }

  /** Moves a file that nobody has open to its version's place instead of deleting it; false if there is no room. */
  take(inode: Inode): boolean {
    const { tree, table, journal } = this.#services
    const place = inode.place
    const from = tree.storedPath(inode)
    const path = tree.visiblePath(inode)
    return withRoom(() => {
      const directory = this.#directoryOf(inode.file!.fileId.toString('hex'))
      const versionsFd = tree.directoryFd(directory)
      const fromFd = tree.directoryFd(place.parent)
      const name = atFreeName((stored) => {
        renameAt(fromFd, tree.storedName(inode), versionsFd, stored, RENAME.NOREPLACE)
      })
      table.removePlace(inode, place.parent, place.name)
      table.addPlace(inode, directory, name)
      const moved = statAt(versionsFd, name + STUB_SUFFIX) as Stat
      noteName(journal, { kind: 'rename', ...changeOf(moved, from), to: tree.storedPath(inode) })
      this.#noteFormerPath(inode, path)
      this.onKept(path, { id: directory.place.name, time: name })
    })
  }

  /**
   * Gives a file that is about to be replaced a second name as a version, so that the replacing stays atomic; false if
   * there is no room.
   */
  linkBeforeReplace(inode: Inode): boolean {
    const { tree, table, journal } = this.#services
    const { parent } = inode.place
    const from = tree.storedPath(inode)
    const path = tree.visiblePath(inode)
    const stored = tree.storedName(inode)
    return withRoom(() => {
      const directory = this.#directoryOf(inode.file!.fileId.toString('hex'))
      const versionsFd = tree.directoryFd(directory)
      const fromFd = tree.directoryFd(parent)
      const name = atFreeName((versionName) => linkAt(fromFd, stored, versionsFd, versionName))
      const linked = statAt(versionsFd, name + STUB_SUFFIX) as Stat
      const to = tree.storedPath(inode, { parent: directory, name })
      noteName(journal, { kind: 'link', ...changeOf(linked, from), to })
      table.addPlace(inode, directory, name)
      // The last place is the one used; until the replacing is done that is the name people know.
      inode.places = [inode.places.at(-1)!, ...inode.places.slice(0, -1)]
      this.#noteFormerPath(inode, path)
      this.onKept(path, { id: directory.place.name, time: name })
    })
  }

  /** Copies the stub's present state, for a file that loses its last name while it is open. */
  copyBeforeUnlink(inode: Inode): void {
    this.#copy(inode, inode.file!.fileId.toString('hex'))
  }

  /** Removes a version for good, and its directory with the last one; false if it is open or not stored yet, and stays. */
  remove(id: string, time: string): boolean {
    const { tree, table } = this.#services
    const directory = this.#directoryOf(id)
    const inode = directory.children.get(time)
    if (inode !== undefined && (inode.opens > 0 || inode.file?.isBusy === true)) return false
    try {
      unlinkAt(tree.directoryFd(directory), time + STUB_SUFFIX)
    } catch (error) {
      if (kindOf(error) !== 'not-found') throw error
    }
    if (inode !== undefined) {
      table.removePlace(inode, directory, time)
      table.release(inode)
    }
    this.#removeIfEmpty(directory, id)
    this.onRemoved()
    return true
  }

  #removeIfEmpty(directory: Inode, id: string): void {
    const { tree, table } = this.#services
    try {
      removeDirectoryAt(tree.directoryFd(this.directory), id)
      tree.dropDirectory(directory)
      table.removePlace(directory, this.directory, id)
    } catch (error) {
      if (kindOf(error) !== 'not-empty') throw error
    }
    table.release(directory)
  }

  /** Without room for a version there is none: the file itself must still be stored, or deleted. */
  #copy(inode: Inode, key: string): void {
    const { tree, table } = this.#services
    const bytes = Buffer.alloc(STUB_BYTES_MAX)
    const length = tree.withStub(inode, O.RDONLY, (fd) => preadFd(fd, bytes, 0, bytes.length, 0))
    const path = tree.visiblePath(inode)
    const trailer = sealTrailer(path, this.#services.keys)
    withRoom(() => {
      const directory = this.#directoryOf(key)
      try {
        const time = this.#write(tree.directoryFd(directory), bytes.subarray(0, length), trailer)
        this.onKept(path, { id: key, time })
      } finally {
        table.release(directory)
      }
    })
  }

  #write(directoryFd: number, stub: Buffer, trailer: Buffer): ByteString {
    let fd = -1
    const name = atFreeName((stored) => {
      fd = openAt(directoryFd, stored, O.CREAT | O.EXCL | O.RDWR, 0o600)
    })
    try {
      pwriteFd(fd, stub, 0)
      pwriteFd(fd, trailer, TRAILER_OFFSET)
    } catch (error) {
      unlinkAt(directoryFd, name + STUB_SUFFIX)
      throw error
    } finally {
      closeFd(fd)
    }
    return name
  }

  #noteFormerPath(inode: Inode, path: ByteString): void {
    const { tree, keys } = this.#services
    tree.withStub(inode, O.RDWR, (fd) => noteFormerPath(fd, path, keys))
  }

  #directoryOf(key: string): Inode {
    const { tree, table } = this.#services
    const known = this.directory.children.get(key)
    if (known !== undefined) return known
    const parentFd = tree.directoryFd(this.directory)
    try {
      makeDirectoryAt(parentFd, key, 0o700)
    } catch (error) {
      // Rare: most files that are deleted have no version yet.
      if (kindOf(error) !== 'exists') throw error
    }
    return table.intern(statAt(parentFd, key) as Stat, 'directory', this.directory, key)
  }

  #isVersion(inode: Inode): boolean {
    return inode.place.parent.places[0]?.parent === this.directory
  }

  #remember(key: string): void {
    this.#madeAt.delete(key)
    this.#madeAt.set(key, performance.now())
    for (const oldest of this.#madeAt.keys()) {
      if (this.#madeAt.size <= REMEMBERED_MAX) return
      this.#madeAt.delete(oldest)
    }
  }
}

/** Whether a path of stored names is one that a version has. */
export function isPathOfVersion(path: ByteString): boolean {
  return path.startsWith(`${RESERVED_NAME}/${VERSIONS_DIRECTORY}/`)
}

/**
 * Says in an open version which path the file had, as a person sees it. Where there is no room for it the version stands
 * without: it keeps its blocks until it expires.
 */
export function noteFormerPath(fd: number, path: ByteString, keys: Keys): void {
  const trailer = sealTrailer(path, keys)
  withRoom(() => pwriteFd(fd, trailer, TRAILER_OFFSET))
}

/** Does `work` with the stored name of the first moment from now on for which it does not fail with `exists`; gives the name. */
function atFreeName(work: (stored: ByteString) => void): ByteString {
  for (let ms = Date.now(); ; ms++) {
    const name = formatVersionTime(ms)
    try {
      work(name + STUB_SUFFIX)
      return name
    } catch (error) {
      if (kindOf(error) !== 'exists') throw error
    }
  }
}

/** Whether `work` was done; false if the disk is full. */
function withRoom(work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    if (kindOf(error) !== 'no-space' && kindOf(error) !== 'over-quota') throw error
    return false
  }
}

/** The inode of `.dfs/versions`, made on disk where it is missing. */
export function versionsDirectory({ table, tree }: Pick<Services, 'table' | 'tree'>): Inode {
  let directory = table.root
  for (const name of [RESERVED_NAME, VERSIONS_DIRECTORY]) {
    const fd = tree.directoryFd(directory)
    if (statAt(fd, name) === undefined) makeDirectoryAt(fd, name, 0o700)
    directory = table.intern(statAt(fd, name)!, 'directory', directory, name)
    // Never forgotten: the folder itself looks things up below it.
    directory.lookups++
  }
  return directory
}
