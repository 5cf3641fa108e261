/**
 * The folders this daemon has open: each at most once, shared by its mount and by operations, closed (which
 * checkpoints it) by its last user. Opening and closing of one folder never overlap.
 */
import { byteStringOf } from '../bytes/byte-string.ts'
import { Mutex } from '../concurrency/mutex.ts'
import { DfsError } from '../errors.ts'
import { detachStale } from '../fuse/mountpoint.ts'
import { logger } from '../log.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { isBeingRestored } from '../sync/head-restoring.ts'
import type { Folder } from '../vfs/folder.ts'
import { checkDirectory, checkFolderPath } from './folder-checks.ts'
import type { FolderRegistry } from './folder-registry.ts'

const log = logger('daemon')
const AT_FDCWD = -100

/** How folders are read and opened; `daemon.ts` knows what they are made of. */
export interface FolderSource {
  /** The id in a folder's marker, 32 hex digits; undefined if the directory is no folder yet. */
  idAt(path: string): Promise<string | undefined>
  /** Opens the folder, making it one if it is not yet. */
  open(path: string): Promise<Folder>
}

export interface FoldersOptions {
  home: string
  registry: FolderRegistry
  source: FolderSource
  /** Called with each folder that was opened, and before it is closed; the latter must not fail. */
  onOpened?: (folder: Folder) => void
  onClosing?: (folder: Folder) => Promise<void>
}

interface Opened {
  readonly folder: Folder
  users: number
}

export interface LeaseOptions {
  /** What was registered at this path is given up for what is there now. */
  replace?: boolean | undefined
}

/** Whoever has one keeps the folder open until `release`. */
export interface FolderLease {
  readonly folder: Folder
  /** Closes the folder if nobody else uses it; resolves once what was written is in stubs. Only the first call counts. */
  release(): Promise<void>
}

export class Folders {
  readonly #options: FoldersOptions
  readonly #opened = new Map<string, Opened>()
  readonly #mutexes = new Map<string, Mutex>()

  constructor(options: FoldersOptions) {
    this.#options = options
  }

  /** Paths of the folders that are open now. */
  get openPaths(): string[] {
    return [...this.#opened.keys()]
  }

  /** The folder, if it is open; for looking only. */
  peek(path: string): Folder | undefined {
    return this.#opened.get(path)?.folder
  }

  /** Opens a folder, or shares it. Fails with one line of why this directory cannot be one. */
  async lease(path: string, options: LeaseOptions = {}): Promise<FolderLease> {
    const opened = await this.#mutexOf(path).run(async () => {
      const shared = this.#opened.get(path) ?? (await this.#open(path, options))
      shared.users++
      return shared
    })
    let released: Promise<void> | undefined
    return { folder: opened.folder, release: () => (released ??= this.#release(path, opened)) }
  }

  /** Runs `work` on the folder, which is open for as long as that takes. */
  async use<T>(path: string, work: (folder: Folder) => Promise<T> | T, options: LeaseOptions = {}): Promise<T> {
    const lease = await this.lease(path, options)
    try {
      return await work(lease.folder)
    } finally {
      await lease.release()
    }
  }

  async #open(path: string, { replace = false }: LeaseOptions): Promise<Opened> {
    const { home, registry, source } = this.#options
    checkFolderPath(path, { home, others: registry.list().map((folder) => folder.path) })
    await detachStale(path)
    await checkDirectory(path)
    refuseHalfRestored(path)
    const id = await source.idAt(path)
    await this.#refuseCopy(path, id)
    if (!replace) refuseOther(path, id, registry.idAt(path))
    const folder = await source.open(path)
    await this.#register(folder, path)
    const opened = { folder, users: 0 }
    this.#opened.set(path, opened)
    this.#options.onOpened?.(folder)
    log('opened folder %s at %s', folder.id, path)
    return opened
  }

  async #register(folder: Folder, path: string): Promise<void> {
    try {
      await this.#options.registry.set(folder.id, path)
    } catch (error) {
      await folder.close()
      throw error
    }
  }

  /** Two directories with one id would write one journal: the copy is refused while the original is there. */
  async #refuseCopy(path: string, id: string | undefined): Promise<void> {
    const { registry, source } = this.#options
    const original = id === undefined ? undefined : registry.pathOf(id)
    if (original === undefined || original === path) return
    if (!this.#opened.has(original) && (await source.idAt(original).catch(() => undefined)) !== id) return
    throw new DfsError('exists', `is a copy of the folder ${original}`, {
      op: 'open folder',
      subject: path,
      mend: `to make the copy a folder of its own remove "${path}/.dfs"`,
    })
  }

  async #release(path: string, opened: Opened): Promise<void> {
    await this.#mutexOf(path).run(async () => {
      if (--opened.users > 0) return
      this.#opened.delete(path)
      await this.#options.onClosing?.(opened.folder)
      await opened.folder.close()
      log('closed folder at %s', path)
    })
  }

  #mutexOf(path: string): Mutex {
    const mutex = this.#mutexes.get(path) ?? new Mutex()
    this.#mutexes.set(path, mutex)
    return mutex
  }
}

/** What a crash left of a folder that was being brought back is no folder yet. */
function refuseHalfRestored(path: string): void {
  const fd = openAt(AT_FDCWD, byteStringOf(path), O.PATH | O.DIRECTORY)
  try {
    if (!isBeingRestored(fd)) return
  } finally {
    closeFd(fd)
  }
  throw new DfsError('busy', 'was not brought back whole', {
    op: 'open folder',
    subject: path,
    mend: 'run "dfs recover" again, which goes on with it',
  })
}

/** A folder that is not where it was is a missing disk until somebody says otherwise: its blocks must stay. */
function refuseOther(path: string, id: string | undefined, registered: string | undefined): void {
  if (registered === undefined || registered === id) return
  const what =
    id === undefined
      ? 'is not the folder that was here: its .dfs/folder.json is missing'
      : 'is another folder than the one that was here'
  throw new DfsError('needs-confirmation', what, {
    op: 'open folder',
    subject: path,
    mend: 'connect the disk it is on, or mount it where it is now; to give it and its blocks up use "dfs mount --yes"',
  })
}
