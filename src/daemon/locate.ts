/**
 * From a path that a person typed to a folder and the path inside it. Works on text alone: a path below a mount
 * is never touched, because the daemon serves that mount itself.
 */
import path from 'node:path'
import { byteStringOf } from '../bytes/byte-string.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'

export interface Place {
  /** The folder's path. */
  readonly folder: string
  /** Below the folder's root, without leading slash; empty for the root. */
  readonly inside: ByteString
}

export interface KnownFolder {
  readonly path: string
  readonly mountpoint: string | undefined
}

/** Whether `child` is `parent` or lies below it. Both absolute, without `.` and `..`. */
export function isWithin(child: string, parent: string): boolean {
  const relative = path.relative(parent, child)
  return relative === '' || !(relative === '..' || relative.startsWith('../'))
}

/** The folder that a path is in, by the folders' own paths and their mount points; undefined if none. */
export function locate(absolute: string, folders: readonly KnownFolder[]): Place | undefined {
  for (const { path: folder, mountpoint } of folders) {
    for (const root of [mountpoint, folder]) {
      if (root !== undefined && isWithin(absolute, root)) {
        return { folder, inside: byteStringOf(path.relative(root, absolute)) }
      }
    }
  }
  return undefined
}

/** Like `locate`; fails with `not-found` and the mend. */
export function locateOrFail(absolute: string, folders: readonly KnownFolder[]): Place {
  const place = locate(absolute, folders)
  if (place !== undefined) return place
  throw new DfsError('not-found', 'is not in a folder that dfs looks after', {
    subject: absolute,
    mend: 'see "dfs status"; "dfs mount FOLDER" or "dfs add FOLDER" makes a directory one',
  })
}
