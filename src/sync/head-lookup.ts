/**
 * Objects of a folder on the disk below by their visible paths: what stands there, without reading it. No symbolic link is
 * followed on the way.
 */
import { Slices } from '../concurrency/slices.ts'
import type { ByteString } from '../dfs.ts'
import { type ErrorKind, kindOf } from '../errors.ts'
import { joinPath, lastName, parentPath } from '../format/head-path.ts'
import { storedNameOfOther } from '../format/stored-name.ts'
import { closeFd, O, openAt, tryOpenAt } from '../posix/files.ts'
import { type Stat, statAt, statFd } from '../posix/stat.ts'
import { candidatesIn, candidatesNamed } from './head-candidates.ts'
import { typeOf } from './head-objects.ts'

/** What opening a directory says where something else stands by now. */
export const REPLACED: ReadonlySet<ErrorKind> = new Set(['not-a-directory', 'loop'])

export interface FoundObject {
  readonly path: ByteString
  readonly stat: Stat
}

/** Opens (O_PATH) the directory that has this path; undefined if none has. */
export function openDirectoryAt(rootFd: number, path: ByteString): number | undefined {
  let fd = openAt(rootFd, '.', O.PATH | O.DIRECTORY)
  for (const name of path === '' ? [] : path.split('/')) {
    const parentFd = fd
    try {
      const below = tryOpenDirectory(parentFd, storedNameOfOther(name)) ?? tryOpenDirectory(parentFd, name)
      if (below === undefined) return undefined
      fd = below
    } finally {
      closeFd(parentFd)
    }
  }
  return fd
}

/** What a person finds at a path; undefined if nothing, or nothing that a head could carry. */
export function lookAt(rootFd: number, path: ByteString): Stat | undefined {
  const fd = openDirectoryAt(rootFd, parentPath(path) ?? '')
  if (fd === undefined) return undefined
  try {
    if (path === '') return statFd(fd)
    const stored = candidatesNamed(fd, lastName(path)).candidates.at(-1)?.stored
    return stored === undefined ? undefined : statAt(fd, stored)
  } finally {
    closeFd(fd)
  }
}

/** What stands at a path, if it is no directory. */
export function* objectAt(rootFd: number, path: ByteString): Generator<FoundObject> {
  const stat = lookAt(rootFd, path)
  if (stat !== undefined && typeOf(stat) !== 'directory') yield { path, stat }
}

/** All at or below a path but directories, in no order. Reads directories, and nothing else. */
export async function* objectsBelow(
  rootFd: number,
  path: ByteString,
  slices = new Slices(),
): AsyncGenerator<FoundObject> {
  yield* objectAt(rootFd, path)
  const left = [path]
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    const listedFd = openListed(rootFd, at)
    if (listedFd === undefined) continue
    try {
      const { candidates } = await candidatesIn(listedFd, { isRoot: at === '', slices })
      for (const { stored, visible, type } of candidates) {
        await slices.next()
        if (type === 'directory') left.push(joinPath(at, visible))
        const stat = type === 'directory' ? undefined : statAt(listedFd, stored)
        if (stat !== undefined) yield { path: joinPath(at, visible), stat }
      }
    } finally {
      closeFd(listedFd)
    }
  }
}

function openListed(rootFd: number, path: ByteString): number | undefined {
  const fd = openDirectoryAt(rootFd, path)
  if (fd === undefined) return undefined
  try {
    return openAt(fd, '.', O.RDONLY | O.DIRECTORY)
  } finally {
    closeFd(fd)
  }
}

function tryOpenDirectory(dirFd: number, stored: ByteString): number | undefined {
  try {
    return tryOpenAt(dirFd, stored, O.PATH | O.DIRECTORY | O.NOFOLLOW)
  } catch (error) {
    if (REPLACED.has(kindOf(error))) return undefined
    throw error
  }
}
