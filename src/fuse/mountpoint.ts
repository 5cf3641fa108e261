/**
 * The directory that is mounted over. Whatever asks a mount anything does so on libuv's threads and with a deadline.
 */
import { realpath, stat, statfs } from 'node:fs/promises'
import { DfsError, kindOf } from '../errors.ts'
import { logger } from '../log.ts'
import { fromNodeError } from '../posix/errno.ts'
import { type MountEntry, mountEntries, unmount } from '../posix/mount.ts'

const log = logger('fuse')

const ANSWER_MS_MAX = 10_000
/** fuse-native cuts longer paths, and mount tables are not read for them. */
const TARGET_BYTES_MAX = 1023

/**
 * The real path of a directory that can be mounted over; a mount there whose server died is taken away.
 * Fails with `busy` if a living mount of dfs is there, `not-found`, `not-a-directory`, `name-too-long`, `timeout`.
 */
export async function prepareTarget(asked: string): Promise<string> {
  const target = await withDeadline(realpath(asked), asked).catch((error) => {
    if (isServerGone(error)) return asked
    throw error
  })
  if (Buffer.byteLength(target) > TARGET_BYTES_MAX) {
    throw new DfsError('name-too-long', `the path has more than ${TARGET_BYTES_MAX} bytes`, {
      op: 'mount',
      subject: target,
    })
  }
  await removeStaleMounts(target)
  if (!(await withDeadline(stat(target), target)).isDirectory()) {
    throw new DfsError('not-a-directory', 'the mountpoint is not a directory', { op: 'mount', subject: target })
  }
  return target
}

/** Resolves when the file system mounted at `target` answers; fails with `not-running` if its server is gone, `timeout`. */
export async function answers(target: string): Promise<void> {
  await withDeadline(statfs(target), target)
}

/** The mount that a path leads to, if one is made right there. */
export function mountAt(target: string): MountEntry | undefined {
  return mountEntries().findLast((entry) => entry.target === target)
}

async function removeStaleMounts(target: string): Promise<void> {
  for (let mount = mountAt(target); mount?.type === 'fuse.dfs'; mount = mountAt(target)) {
    const gone = await answers(target).then(() => false, isServerGone)
    if (!gone) {
      throw new DfsError('busy', 'a folder of dfs is mounted there already', {
        op: 'mount',
        subject: target,
        mend: 'unmount it first: dfs umount',
      })
    }
    log('%s: taking away the mount of a daemon that died', target)
    await unmount(target, { lazy: true })
  }
}

/** ECONNABORTED comes to whoever was asking at the moment the server died. */
function isServerGone(error: unknown): boolean {
  const code = error instanceof DfsError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined
  return kindOf(error) === 'not-running' || code === 'ECONNABORTED'
}

async function withDeadline<T>(work: Promise<T>, subject: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const error = new DfsError('timeout', `no answer within ${ANSWER_MS_MAX / 1000} s`, { op: 'mount', subject })
  const timer = setTimeout(reject, ANSWER_MS_MAX, error)
  try {
    return await Promise.race([work, late])
  } catch (error) {
    throw fromNodeError(error, 'mount', subject)
  } finally {
    clearTimeout(timer)
  }
}
