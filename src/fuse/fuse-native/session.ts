/** What the handlers of one mount share. */
import type { ByteString, Ino } from '../../dfs.ts'
import type { Awaitable, FilesystemOperations } from '../../vfs/operations.ts'
import type { Callers } from './callers.ts'
import { HeldInodes } from './held-inodes.ts'
import { HiddenFiles } from './hidden-files.ts'
import { OpenFiles } from './open-files.ts'
import { PageCache } from './page-cache.ts'
import { PathCache } from './path-cache.ts'

/** Each takes some 2 KiB, with its inode. Whatever was looked up last is used next. */
const CACHED_NAMES_MAX = 10_000

export class Session {
  readonly filesystem: FilesystemOperations
  readonly callers: () => Callers
  readonly paths: PathCache
  readonly files: OpenFiles
  readonly hidden: HiddenFiles
  readonly pages = new PageCache()

  /** `callers` is known only once the mount is made, which needs the handlers. */
  constructor(filesystem: FilesystemOperations, callers: () => Callers) {
    const inodes = new HeldInodes(filesystem)
    this.filesystem = filesystem
    this.callers = callers
    this.paths = new PathCache(filesystem, inodes, CACHED_NAMES_MAX)
    this.files = new OpenFiles(inodes)
    this.hidden = new HiddenFiles(inodes)
  }

  /** The inode at a path, which may be that of a file unlinked while open. */
  inode(path: ByteString): Awaitable<Ino> {
    return this.hidden.find(path) ?? this.paths.resolve(path)
  }

  /** Once the mount is gone: lets go of everything the kernel can no longer close itself. */
  async end(): Promise<void> {
    await this.hidden.settle()
    for (const number of this.files.numbers()) {
      const file = this.files.remove(number)
      if (file !== undefined) await this.filesystem.release(file.handle)
    }
    this.hidden.clear()
    this.paths.clear()
  }
}
