/**
 * Files that were unlinked, or replaced by a rename, while open.
 *
 * libfuse 2.9 names open files by path, so it renames such a file to `.fuse_hiddenXXXX` and unlinks that name
 * when the last handle is closed. Here that rename removes the old name for real, and the hidden path lives only in
 * this table, for the handles that are left: nothing shows in the directory, and nothing stays behind after a crash.
 *
 * libfuse hides the target of a rename before it sends the rename itself. To keep the replacing in one step, the
 * removal of the old name waits for the thread's next request: if that is the rename, there is nothing left to do.
 * Requests to which the name matters have it removed first.
 */
import type { ByteString, Ino } from '../../dfs.ts'
import { logger } from '../../log.ts'
import type { Awaitable } from '../../vfs/operations.ts'
import type { HeldInodes } from './held-inodes.ts'

const log = logger('fuse')

const HIDDEN_NAME = /\/\.fuse_hidden[0-9a-f]{16}$/
/** The rename follows within microseconds; if no request comes at all, the name goes after this. */
const SETTLE_MS = 10

interface Removal {
  /** The thread that hides: its next request tells whether it is renaming over the file. */
  readonly thread: object
  /** The path that is to go. */
  readonly path: ByteString
  readonly hiddenPath: ByteString
  readonly ino: Ino
  /** Takes the name away in the file system. */
  readonly remove: () => Awaitable<void>
}

export class HiddenFiles {
  readonly #inodes: HeldInodes
  readonly #inoOfPath = new Map<ByteString, Ino>()
  #removal: Removal | undefined
  #timer: NodeJS.Timeout | undefined
  #settling: Promise<void> | undefined

  constructor(inodes: HeldInodes) {
    this.#inodes = inodes
  }

  static isHiddenPath(path: ByteString): boolean {
    return HIDDEN_NAME.test(path)
  }

  /** The inode of a hidden path. */
  find(path: ByteString): Ino | undefined {
    return this.#inoOfPath.size === 0 ? undefined : this.#inoOfPath.get(path)
  }

  /** Hides an open file; an earlier one must be settled. */
  hide(removal: Removal): void {
    this.#inodes.hold(removal.ino)
    this.#inoOfPath.set(removal.hiddenPath, removal.ino)
    this.#removal = removal
    this.#timer = setTimeout(() => void this.settle(), SETTLE_MS)
  }

  /** True if this rename is the one for which its target was just hidden: the target's name need not be removed. */
  claimReplacement(thread: object, target: ByteString): boolean {
    if (this.#removal?.thread !== thread || this.#removal.path !== target) return false
    clearTimeout(this.#timer)
    this.#removal = undefined
    return true
  }

  /** What a request on a path has to wait for. */
  settleBefore(thread: object, path: ByteString): Awaitable<void> {
    const removal = this.#removal
    if (removal === undefined) return this.#settling
    const matters = removal.thread === thread || path === removal.hiddenPath || isAtOrAbove(path, removal.path)
    return matters ? this.settle() : undefined
  }

  /** True if a name of this inode is still to be removed. */
  isUnsettled(ino: Ino): boolean {
    return this.#removal?.ino === ino
  }

  /** Removes the name that waits for it. */
  settle(): Awaitable<void> {
    const removal = this.#removal
    if (removal === undefined) return this.#settling
    this.#removal = undefined
    clearTimeout(this.#timer)
    const settling = remove(removal).finally(() => {
      if (this.#settling === settling) this.#settling = undefined
    })
    this.#settling = settling
    return settling
  }

  /** The last name of a hidden file goes. */
  drop(hiddenPath: ByteString): boolean {
    const ino = this.#inoOfPath.get(hiddenPath)
    if (ino === undefined) return false
    this.#inoOfPath.delete(hiddenPath)
    this.#inodes.letGo(ino)
    return true
  }

  /** The last handle of an inode was closed. */
  dropInode(ino: Ino): void {
    for (const [path, hidden] of this.#inoOfPath) if (hidden === ino) this.drop(path)
  }

  clear(): void {
    for (const path of [...this.#inoOfPath.keys()]) this.drop(path)
  }

  /** A directory moved: libfuse now names what is hidden below it by the new path. */
  move(from: ByteString, to: ByteString): void {
    for (const [path, ino] of [...this.#inoOfPath]) {
      if (!path.startsWith(`${from}/`)) continue
      this.#inoOfPath.delete(path)
      this.#inoOfPath.set(to + path.slice(from.length), ino)
    }
  }
}

async function remove({ path, remove }: Removal): Promise<void> {
  try {
    await remove()
  } catch (error) {
    // The unlink was answered already; the kernel had checked permissions before.
    log('the name of a file unlinked while open stays: %s: %o', path, error)
  }
}

function isAtOrAbove(path: ByteString, below: ByteString): boolean {
  return path === below || path === '/' || below.startsWith(`${path}/`)
}
