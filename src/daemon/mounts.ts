/**
 * The mounts this daemon serves: each folder at most once, each mount point at most once. A mount that ends, whoever
 * ended it, gives its folder back, and with it everything written reaches the stubs.
 */
import { DfsError, kindOf } from '../errors.ts'
import type { Driver, Mounted } from '../fuse/driver.ts'
import { warn } from '../log.ts'
import { holdersOf } from '../posix/mount-holders.ts'
import { checkEmptyDirectory, checkMountpointPath, detachStale } from './folder-checks.ts'
import type { FolderLease, Folders } from './folders.ts'

export interface MountsOptions {
  home: string
  folders: Folders
  /** Best first. */
  drivers: readonly Driver[]
  /** Called after a mount has ended and its folder is closed. */
  onEnded: () => void
}

export interface ActiveMount {
  readonly id: string
  /** The folder's path. */
  readonly folder: string
  readonly mountpoint: string
  readonly driver: string
  /** Resolves with the reason once the mount has ended and its folder is closed; rejects if the closing failed. */
  readonly ended: Promise<string>
}

interface Entry extends ActiveMount {
  readonly lease: FolderLease
  readonly mounted: Mounted
  /** Ends the bookkeeping of a mount that is gone; only the first call counts. */
  readonly end: (reason: string) => void
}

export class Mounts {
  readonly #options: MountsOptions
  readonly #entries = new Map<string, Entry>()
  /** Folders being mounted; their mount points are taken, too. */
  readonly #coming = new Map<string, string>()

  constructor(options: MountsOptions) {
    this.#options = options
  }

  list(): ActiveMount[] {
    return [...this.#entries.values()]
  }

  get busy(): boolean {
    return this.#entries.size + this.#coming.size > 0
  }

  /** The mount that serves a folder, named by its own path or by its mount point. */
  find(path: string): ActiveMount | undefined {
    return this.#entries.get(path) ?? this.list().find(({ mountpoint }) => mountpoint === path)
  }

  /** Mounts a folder; resolves when programs can use it. Fails with `busy` if folder or mount point are taken. */
  async mount(folder: string, mountpoint: string, driver: string): Promise<ActiveMount> {
    this.#refuseTaken(folder, mountpoint)
    this.#coming.set(folder, mountpoint)
    try {
      if (mountpoint !== folder) await this.#prepareMountpoint(folder, mountpoint)
      const lease = await this.#options.folders.lease(folder)
      try {
        return await this.#start(lease, mountpoint, driver)
      } catch (error) {
        await lease.release()
        throw error
      }
    } finally {
      this.#coming.delete(folder)
    }
  }

  /**
   * Ends a mount; resolves once all that was written is stored. Fails with `busy`, saying by whom, if it is in use
   * and `lazy` is not set; with `lazy`, those who use it keep what they have open.
   */
  async umount(path: string, { lazy }: { lazy: boolean }): Promise<ActiveMount> {
    const entry = this.find(path) as Entry | undefined
    if (entry === undefined) {
      throw new DfsError('invalid', 'is not mounted', { op: 'umount', subject: path, mend: 'see "dfs status"' })
    }
    try {
      await entry.mounted.unmount({ lazy })
    } catch (error) {
      throw kindOf(error) === 'busy' ? await inUse(entry.mountpoint, error) : error
    }
    entry.end('unmounted')
    await entry.ended
    return entry
  }

  /** Ends all mounts, whoever uses them; resolves once everything is stored. */
  async umountAll(): Promise<void> {
    const outcomes = await Promise.allSettled(this.list().map(({ folder }) => this.#umountForGood(folder)))
    for (const outcome of outcomes) if (outcome.status === 'rejected') warn(`umount: ${outcome.reason}`)
  }

  async #umountForGood(folder: string): Promise<void> {
    try {
      await this.umount(folder, { lazy: false })
    } catch (error) {
      if (kindOf(error) !== 'busy') throw error
      await this.umount(folder, { lazy: true })
    }
  }

  #refuseTaken(folder: string, mountpoint: string): void {
    const taken = [...this.list(), ...[...this.#coming].map(([folder, mountpoint]) => ({ folder, mountpoint }))]
    for (const other of taken) {
      if (other.folder !== folder && other.mountpoint !== mountpoint) continue
      const [subject, at] =
        other.folder === folder ? [folder, `at ${other.mountpoint}`] : [mountpoint, `for ${other.folder}`]
      throw new DfsError('busy', `is mounted already, ${at}`, {
        op: 'mount',
        subject,
        mend: `run "dfs umount ${other.folder}" first`,
      })
    }
  }

  async #prepareMountpoint(folder: string, mountpoint: string): Promise<void> {
    checkMountpointPath(mountpoint, { home: this.#options.home, folder })
    await detachStale(mountpoint)
    await checkEmptyDirectory(mountpoint)
  }

  async #start(lease: FolderLease, mountpoint: string, driverName: string): Promise<ActiveMount> {
    const { folder } = lease
    const ending = Promise.withResolvers<string>()
    const driver = chooseDriver(this.#options.drivers, driverName)
    const mounted = await driver.mount({
      filesystem: folder.filesystem,
      target: mountpoint,
      asRoot: process.getuid?.() === 0,
      fsname: 'dfs',
      onGone: (why) => ending.resolve(String(why ?? 'unmounted from outside')),
    })
    const ended = ending.promise.then(async (reason) => {
      this.#entries.delete(folder.path)
      try {
        await lease.release()
        return reason
      } finally {
        this.#options.onEnded()
      }
    })
    ended.catch((error) => warn(`closing ${folder.path}: ${error}`))
    const entry = {
      id: folder.id,
      folder: folder.path,
      mountpoint,
      driver: driver.name,
      ended,
      lease,
      mounted,
      end: ending.resolve,
    }
    this.#entries.set(folder.path, entry)
    return entry
  }
}

function chooseDriver(drivers: readonly Driver[], name: string): Driver {
  const driver = name === 'auto' ? drivers[0] : drivers.find((candidate) => candidate.name === name)
  if (driver !== undefined) return driver
  const names = ['auto', ...drivers.map((candidate) => candidate.name)].join(', ')
  throw new DfsError('unsupported', `there is no driver "${name}" here`, {
    op: 'mount',
    mend: `choose one of ${names}`,
  })
}

async function inUse(mountpoint: string, cause: unknown): Promise<DfsError> {
  const holders = await holdersOf(mountpoint)
  const who = holders.map(({ pid, command }) => `${command} (${pid})`).join(', ') || 'processes of another user'
  return new DfsError('busy', `is in use by ${who}`, {
    op: 'umount',
    subject: mountpoint,
    mend: 'end them or leave the folder, or use --lazy',
    cause,
  })
}
