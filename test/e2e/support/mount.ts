/**
 * A mounted folder for end-to-end tests, served by a daemon of its own that `dfs mount` started.
 * Tests look at the mount through other processes (`sh`) or asynchronous calls under `within`: a daemon that hangs
 * must fail a test, never hang it.
 */
import { accessSync, constants, existsSync } from 'node:fs'
import { MOUNT_ARGS, mountsBelow, newPlace, type Place } from './place.ts'
import { type Ending, until } from './process.ts'
import type { SecondUser } from './second-user.ts'

export interface MountedFolder extends Place {
  /** Ends the daemon without warning, as a crash would; resolves once it is gone. The dead mount stays. */
  crash(): Promise<void>
  /** `dfs mount` again, with further arguments; after `unmount` or `crash`. */
  mount(...args: string[]): Promise<void>
  /** `dfs umount`; resolves once the daemon has ended too. */
  unmount(...args: string[]): Promise<void>
}

export interface MountOptions {
  user?: SecondUser
  /** Further arguments of `dfs mount`. */
  args?: readonly string[]
  /** A place whose home and folder are there already. */
  place?: Place
}

/** Why nothing can be mounted on this machine, for a test's `skip`; false if it can. */
export function fuseMissing(): string | false {
  if (!existsSync('/dev/fuse')) return 'needs /dev/fuse'
  if (process.getuid?.() === 0) return false
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch {
    return 'needs read and write access to /dev/fuse'
  }
  const hasHelper = ['/usr/bin', '/bin'].some((dir) => existsSync(`${dir}/fusermount3`))
  return hasHelper ? false : 'needs fusermount3 (Debian: apt-get install fuse3)'
}

/** Mounts an empty folder (or the given place's) until `t` ends. */
export async function mountFolder(t: Ending, options: MountOptions = {}): Promise<MountedFolder> {
  const place = options.place ?? newPlace(t, { user: options.user })
  const mount = async (...args: string[]) => {
    await place.dfsOk(['mount', place.folder, ...MOUNT_ARGS, ...args])
  }
  await mount(...(options.args ?? []))
  return {
    ...place,
    mount,
    crash: async () => {
      const pids = place.pids()
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      await until('the daemon is gone', () => place.pids().length === 0)
    },
    unmount: async (...args) => {
      await place.dfsOk(['umount', place.folder, ...args])
      await until('the daemon has ended', () => place.pids().length === 0)
    },
  }
}

/** Whether something is mounted at exactly `target`. */
export function isMounted(target: string): boolean {
  return mountsBelow(target).includes(target)
}
