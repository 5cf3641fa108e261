/**
 * What is mounted on a directory: whether it is of dfs, whether its server lives, and taking away what a daemon that
 * died has left. Whatever asks a mount anything does so on libuv's threads and with a deadline.
 */
import { stat, statfs } from 'node:fs/promises'
import { DfsError, kindOf } from '../errors.ts'
import { logger } from '../log.ts'
import { fromNodeError } from '../posix/errno.ts'
import { abortConnection, type MountEntry, mountEntries, unmount } from '../posix/mount.ts'

const log = logger('fuse')

const ANSWER_MS_MAX = 10_000

/** Every driver gives its mounts this type. */
export function isDfsMount({ type }: Pick<MountEntry, 'type'>): boolean {
  return type === 'fuse.dfs'
}

/** The mount that a path leads to, if one is made right there. */
export function mountAt(target: string): MountEntry | undefined {
  return mountEntries().findLast((entry) => entry.target === target)
}

/** Resolves when the file system mounted at `target` answers; fails with `not-running` if its server is gone, `timeout`. */
export async function answers(target: string): Promise<void> {
  await withinDeadline(statfs(target), target)
}

/** Whether somebody serves the mount: who is late is taken to live, and so is who serves a mount of another user. */
export async function isServed(target: string): Promise<boolean> {
  try {
    await withinDeadline(stat(target), target)
    // The kernel may have remembered that. This it asks, but not for those who may not look into the mount.
    await withinDeadline(statfs(target), target)
    return true
  } catch (error) {
    return !isServerGone(error)
  }
}

/**
 * Makes way for a mount at `target`: mounts of dfs whose server died are taken off; true if there was one.
 * Fails with `busy` if a living dfs, which is not this process, has mounted there.
 */
export async function detachStale(target: string): Promise<boolean> {
  let detached = false
  for (let mount = mountAt(target); mount !== undefined && isDfsMount(mount); mount = mountAt(target)) {
    if (await isServed(target)) {
      throw new DfsError('busy', 'is mounted by another dfs', {
        op: 'mount',
        subject: target,
        mend: 'unmount it with the DFS_HOME it was mounted with',
      })
    }
    log('%s: taking away the mount of a daemon that died', target)
    await unmount(target, { lazy: true })
    detached = true
  }
  return detached
}

/**
 * Takes a mount of dfs off `target` without asking who serves it: whoever waits for it gets an error, and what was not
 * stored by then may be lost. Fails with `not-found` if there is none, `not-permitted`.
 */
export async function forceOff(target: string): Promise<void> {
  const mount = mountAt(target)
  if (mount === undefined || !isDfsMount(mount)) {
    throw new DfsError('not-found', 'nothing of dfs is mounted there', { op: 'umount', subject: target })
  }
  try {
    abortConnection(mount)
  } catch (error) {
    // Not where the kernel's list of connections is not mounted; root can do it with the unmount, too.
    log('%s', error)
  }
  await unmount(target, { lazy: true, force: true })
}

/** ECONNABORTED comes to whoever was asking at the moment the server died. */
export function isServerGone(error: unknown): boolean {
  const code = error instanceof DfsError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined
  return kindOf(error) === 'not-running' || code === 'ECONNABORTED'
}

/** What was asked of a path that may be a mount; fails with `timeout` if it does not answer. */
export async function withinDeadline<T>(asked: Promise<T>, subject: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const error = new DfsError('timeout', `no answer within ${ANSWER_MS_MAX / 1000} s`, { op: 'mount', subject })
  const timer = setTimeout(reject, ANSWER_MS_MAX, error)
  try {
    return await Promise.race([asked, late])
  } catch (error) {
    throw fromNodeError(error, 'mount', subject)
  } finally {
    clearTimeout(timer)
  }
}
