/**
 * The directory that is to be mounted over.
 */
import { realpath, stat } from 'node:fs/promises'
import { DfsError } from '../errors.ts'
import { detachStale, isServerGone, withinDeadline } from './mountpoint.ts'

/** The binding cuts longer paths. */
const TARGET_BYTES_MAX = 1023

/**
 * The real path of a directory that can be mounted over; a mount there whose server died is taken away.
 * Fails with `busy` if a living mount of dfs is there, `not-found`, `not-a-directory`, `name-too-long`, `timeout`.
 */
export async function prepareTarget(asked: string): Promise<string> {
  const target = await withinDeadline(realpath(asked), asked).catch((error) => {
    if (isServerGone(error)) return asked
    throw error
  })
  if (Buffer.byteLength(target) > TARGET_BYTES_MAX) {
    throw new DfsError('name-too-long', `the path has more than ${TARGET_BYTES_MAX} bytes`, {
      op: 'mount',
      subject: target,
    })
  }
  await detachStale(target)
  if (!(await withinDeadline(stat(target), target)).isDirectory()) {
    throw new DfsError('not-a-directory', 'the mountpoint is not a directory', { op: 'mount', subject: target })
  }
  return target
}
