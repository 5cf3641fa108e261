/**
 * Making a folder's directory again from the entries of a head: stubs, directories, symbolic links, fifos, with their
 * attributes and links. Blocks are not fetched: the stubs say which ones they need.
 *
 * Only an empty directory is taken. It is marked first, so that after a crash the same head is gone on with, and once all
 * is durable the mark goes; brought back again and again it is the same tree.
 */
import { textOf } from '../bytes/byte-string.ts'
import { Slices } from '../concurrency/slices.ts'
import type { ByteString, OnProgress } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { encodeEntry, type HeadEntry, type PlainEntry } from '../format/head-entry.ts'
import { isHeadPath } from '../format/head-path.ts'
import { RESERVED_NAME, storedNameOfOther } from '../format/stored-name.ts'
import { ACL } from '../posix/acl.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { getXattrFd, removeXattrFd } from '../posix/xattrs.ts'
import { digestOf } from '../seal/hash.ts'
import type { Keys } from '../seal/keys.ts'
import { OpenDirectories } from './head-directories.ts'
import { finishDirectory, type Making, makeLink, makeObject, storedNameOf } from './head-make.ts'
import { Restoring } from './head-restoring.ts'

const PROGRESS_EVERY = 1000

export interface ApplyOptions {
  /** A descriptor of the directory, O_PATH or not; stays open, and the caller's. */
  readonly rootFd: number
  readonly keys: Keys
  /** Names the tree that the entries are of, in printable ASCII: what a crash left of it, and of no other, is gone on with. */
  readonly name: string
  readonly signal?: AbortSignal
  /** Counts `files`, whatever kind they are. */
  readonly onProgress?: OnProgress
  /** Called when all is made, and before the mark goes: what it writes below the directory is durable then, too. */
  readonly beforeEnd?: () => Promise<void>
  /** Hears of what this disk or this user cannot keep: an attribute, a link between two names, which become two files. */
  readonly onLeftOut?: (path: ByteString, why: DfsError) => void
}

/**
 * Resolves once all of it is durable. Entries come as `readHead` gives them: a directory before what is in it, and with
 * nothing else between. Fails with `not-empty` (then nothing was changed), `corrupt` for entries that no folder can have,
 * `no-space`, ..., and with the signal's reason; then it can be called again.
 */
export async function applyHead(
  entries: AsyncIterable<HeadEntry> | Iterable<HeadEntry>,
  options: ApplyOptions,
): Promise<void> {
  using restoring = await Restoring.begin(options.rootFd, options.name)
  const making = {
    keys: options.keys,
    isContinued: restoring.isContinued,
    onLeftOut: options.onLeftOut ?? (() => undefined),
  }
  using application = new Application(options.rootFd, making)
  const slices = new Slices()
  let done = 0
  for await (const entry of entries) {
    await slices.next()
    options.signal?.throwIfAborted()
    application.make(entry)
    done++
    if (done % PROGRESS_EVERY === 0) options.onProgress?.({ done, total: undefined, unit: 'files' })
  }
  application.finish()
  await options.beforeEnd?.()
  await restoring.end()
  options.onProgress?.({ done, total: done, unit: 'files' })
}

class Application implements Disposable {
  readonly #rootFd: number
  readonly #making: Making
  readonly #directories: OpenDirectories
  /** The stored names, from the root down, that lead to the first of each link group, by what it says. */
  readonly #firstNames = new Map<string, readonly ByteString[]>()
  #root: PlainEntry | undefined

  constructor(rootFd: number, making: Making) {
    this.#rootFd = rootFd
    this.#making = making
    this.#directories = new OpenDirectories(rootFd, making)
  }

  make(entry: HeadEntry): void {
    requirePath(entry)
    if (entry.path === '') this.#beginRoot(entry as PlainEntry)
    else if (entry.kind === 'directory') this.#directories.enter(entry)
    else if (!this.#link(entry)) makeObject(this.#directories.parentOf(entry.path), entry, this.#making)
  }

  finish(): void {
    this.#directories.finish()
    if (this.#root !== undefined) finishDirectory(this.#rootFd, this.#root, this.#making)
  }

  [Symbol.dispose](): void {
    this.#directories[Symbol.dispose]()
  }

  #beginRoot(entry: PlainEntry): void {
    this.#root = entry
    // What an access list hands down would be on all that is made.
    if (hasDefaultAcl(this.#rootFd)) removeXattrFd(this.#rootFd, ACL.DEFAULT)
  }

  /** Whether the entry is now one more name of an object that was made before. */
  #link(entry: HeadEntry): boolean {
    if (entry.linkGroup === undefined) return false
    const dirFd = this.#directories.parentOf(entry.path)
    // Of a group that another device has, too, names may say different things: they are different files. (The record has the group.)
    const object = digestOf(encodeEntry(entry)).toString('hex')
    const first = this.#firstNames.get(object)
    if (first === undefined) {
      this.#firstNames.set(object, storedNamesOf(entry))
      return false
    }
    try {
      const fd = openBelow(this.#rootFd, first)
      try {
        makeLink(dirFd, entry, fd, this.#making)
      } finally {
        closeFd(fd)
      }
      return true
    } catch (error) {
      if (!(error instanceof DfsError)) throw error
      this.#making.onLeftOut(entry.path, error)
      return false
    }
  }
}

function requirePath({ path, kind }: HeadEntry): void {
  const isPath = path === '' ? kind === 'directory' : isHeadPath(path)
  if (isPath && path !== RESERVED_NAME && !path.startsWith(`${RESERVED_NAME}/`)) return
  throw new DfsError('corrupt', 'the head has an object that no folder can have', {
    op: 'bring back',
    subject: textOf(path),
  })
}

function storedNamesOf(entry: HeadEntry): ByteString[] {
  return [...entry.path.split('/').slice(0, -1).map(storedNameOfOther), storedNameOf(entry)]
}

/** Opens (O_PATH) what these names lead to, no symbolic link on the way or at the end followed. */
function openBelow(rootFd: number, names: readonly ByteString[]): number {
  let fd = openAt(rootFd, '.', O.PATH | O.DIRECTORY)
  for (const name of names) {
    const parentFd = fd
    try {
      fd = openAt(parentFd, name, O.PATH | O.NOFOLLOW)
    } finally {
      closeFd(parentFd)
    }
  }
  return fd
}

function hasDefaultAcl(fd: number): boolean {
  try {
    return getXattrFd(fd, ACL.DEFAULT) !== undefined
  } catch (error) {
    if (kindOf(error) === 'unsupported') return false
    throw error
  }
}
