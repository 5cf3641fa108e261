/**
 * The mounts this daemon serves: each folder at most once, each mount point at most once. A mount that ends, whoever
 * ended it, gives its folder back, and with it everything written reaches the stubs.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { DfsError, describeError, kindOf } from '../errors.ts'
import type { Driver, Mounted, MountOptions } from '../fuse/driver.ts'
import { detachStale, isDfsMount } from '../fuse/mountpoint.ts'
import { warn } from '../log.ts'
import { mountEntries } from '../posix/mount.ts'
import { holdersOf } from '../posix/mount-holders.ts'
import { checkEmptyDirectory, checkFolderPath, checkMountpointPath } from './folder-checks.ts'
import type { FolderLease, Folders, LeaseOptions } from './folders.ts'

const SIGHT_POLL_MS = 10
/** A mount that nobody uses has ended by then after it was detached. */
const LEAVE_MS = 300

export interface MountsOptions {
  home: string
  folders: Folders
  /** Best first. */
  drivers: readonly Driver[]
  /** Called after a mount has ended and its folder is closed. */
  onEnded: () => void
}

export interface MountSettings extends LeaseOptions {
  /** A driver's name, or `auto`. */
  driver: string
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
  /** Out of sight by a lazy unmount, and still used. */
  detached: boolean
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

  /** Those that are in sight. */
  list(): ActiveMount[] {
    return [...this.#entries.values()].filter(({ detached }) => !detached)
  }

  /** Whether a mount is there or coming, or was taken out of sight and is still used. */
  get busy(): boolean {
    return this.#entries.size + this.#coming.size > 0
  }

  /** The mount that serves a folder, named by its own path or by its mount point. */
  find(path: string): ActiveMount | undefined {
    return this.#find(path)
  }

  /** Mounts a folder; resolves when programs can use it. Fails with `busy` if folder or mount point are taken. */
  async mount(folder: string, mountpoint: string, { driver, replace }: MountSettings): Promise<ActiveMount> {
    this.#refuseTaken(folder, mountpoint)
    this.#coming.set(folder, mountpoint)
    try {
      checkFolderPath(folder, { home: this.#options.home, others: this.#places() })
      if (mountpoint !== folder) await this.#prepareMountpoint(folder, mountpoint)
      const lease = await this.#options.folders.lease(folder, { replace })
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
   * and `lazy` is not set; with `lazy` those who use it keep what they have open, and `stillUsed` tells of them.
   */
  async umount(path: string, { lazy }: { lazy: boolean }): Promise<{ ended: ActiveMount; stillUsed: boolean }> {
    const entry = this.#find(path)
    if (entry === undefined) {
      throw new DfsError('invalid', 'is not mounted', { op: 'umount', subject: path, mend: 'see "dfs status"' })
    }
    if (lazy) return { ended: entry, stillUsed: await this.#detach(entry) }
    try {
      await unmountUnused(entry)
    } catch (error) {
      throw kindOf(error) === 'busy' ? await inUse(entry.mountpoint, error) : error
    }
    entry.end('unmounted')
    await entry.ended
    return { ended: entry, stillUsed: false }
  }

  /** Ends all mounts, whoever uses them, for the process is about to end; resolves once everything is stored. */
  async umountAll(): Promise<void> {
    const outcomes = await Promise.allSettled([...this.#entries.values()].map((entry) => this.#umountForGood(entry)))
    for (const outcome of outcomes) if (outcome.status === 'rejected') warn(`umount: ${describeError(outcome.reason)}`)
  }

  async #umountForGood(entry: Entry): Promise<void> {
    try {
      if (!entry.detached) await this.umount(entry.folder, { lazy: false })
    } catch (error) {
      if (kindOf(error) !== 'busy') throw error
      await this.#detach(entry)
    } finally {
      entry.end('the daemon ended')
      await entry.ended
    }
  }

  /** Takes a mount out of sight at once; true if programs still use it, so that it ends with them. */
  async #detach(entry: Entry): Promise<boolean> {
    const gone = entry.mounted.unmount({ lazy: true }).then(() => entry.end('unmounted'))
    gone.catch((error) => warn(`umount ${entry.mountpoint}: ${describeError(error)}`))
    await Promise.race([gone, outOfSight(entry.mountpoint)])
    if (await Promise.race([entry.ended.then(() => true), delay(LEAVE_MS, false)])) return false
    entry.detached = true
    await this.#options.folders.use(entry.folder, (folder) => folder.checkpoint())
    return true
  }

  #find(path: string): Entry | undefined {
    const entries = [...this.#entries.values()].filter(({ detached }) => !detached)
    return entries.find(({ folder }) => folder === path) ?? entries.find(({ mountpoint }) => mountpoint === path)
  }

  /** Nothing may be mounted inside these, nor around them. */
  #places(): string[] {
    return [...this.#entries.values()].flatMap(({ folder, mountpoint }) => [folder, mountpoint])
  }

  #refuseTaken(folder: string, mountpoint: string): void {
    if (this.#entries.get(folder)?.detached) {
      throw new DfsError('busy', 'was unmounted lazily, and programs still use it', {
        op: 'mount',
        subject: folder,
        mend: 'end them first',
      })
    }
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
    checkMountpointPath(mountpoint, { home: this.#options.home, folder, others: this.#places() })
    await detachStale(mountpoint)
    await checkEmptyDirectory(mountpoint)
  }

  async #start(lease: FolderLease, mountpoint: string, driverName: string): Promise<ActiveMount> {
    const { folder } = lease
    const ending = Promise.withResolvers<string>()
    const { driver, mounted } = await mountByFirst(chooseDrivers(this.#options.drivers, driverName), {
      filesystem: folder.filesystem,
      target: mountpoint,
      openBelow: mountpoint !== folder.path,
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
    ended.catch((error) => warn(`closing ${folder.path}: ${describeError(error)}`))
    const entry = {
      id: folder.id,
      folder: folder.path,
      mountpoint,
      driver: driver.name,
      ended,
      lease,
      mounted,
      detached: false,
      end: ending.resolve,
    }
    this.#entries.set(folder.path, entry)
    return entry
  }
}

/** Those to try, best first. */
function chooseDrivers(drivers: readonly Driver[], name: string): readonly Driver[] {
  const chosen = name === 'auto' ? drivers : drivers.filter((candidate) => candidate.name === name)
  if (chosen.length > 0) return chosen
  const names = ['auto', ...drivers.map((candidate) => candidate.name)].join(', ')
  throw new DfsError('unsupported', `there is no driver "${name}" here`, {
    op: 'mount',
    mend: `choose one of ${names}`,
  })
}

/** Mounts by the first driver that this machine supports; fails as the last one. */
async function mountByFirst(
  [driver, ...others]: readonly Driver[],
  options: MountOptions,
): Promise<{ driver: Driver; mounted: Mounted }> {
  try {
    return { driver: driver!, mounted: await driver!.mount(options) }
  } catch (error) {
    if (others.length === 0 || kindOf(error) !== 'unsupported') throw error
    return mountByFirst(others, options)
  }
}

/**
 * Unmounts what nobody uses. The kernel takes it out of sight, and then waits for the reads that were asked for by who has
 * left since: those that wait for other devices are given up.
 */
async function unmountUnused({ mounted, mountpoint, lease }: Entry): Promise<void> {
  const over = new AbortController()
  const givenUp = outOfSight(mountpoint, over.signal).then(() => lease.folder.giveUpFetching())
  try {
    await mounted.unmount({ lazy: false })
  } finally {
    over.abort()
    await givenUp.then(
      (until) => until[Symbol.dispose](),
      () => undefined,
    )
  }
}

/** There is no event for it that would not need the mount to end. Fails when the signal fires before. */
async function outOfSight(mountpoint: string, signal?: AbortSignal): Promise<void> {
  while (mountEntries().some((mount) => mount.target === mountpoint && isDfsMount(mount))) {
    await delay(SIGHT_POLL_MS, undefined, { signal })
  }
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
