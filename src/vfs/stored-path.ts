/**
 * Reaches what stands at a path of stored names, component by component and through no symbolic link, before anything is
 * known of the directories on the way.
 */
import type { ByteString } from '../dfs.ts'
import { chownAt } from '../posix/attributes.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { makeDirectoryAt } from '../posix/names.ts'
import { MODE, statAt, statFd } from '../posix/stat.ts'
import { isDirectory } from './stub-tree.ts'

export interface StoredPlace {
  /** Of the directory (O_PATH). */
  readonly fd: number
  readonly name: ByteString
}

/**
 * Does `work` where the last component is, or may be; undefined where a directory on the way is missing, or is none. With
 * `make` one that is missing is made anew, with owner and mode of the one it is in: its own were lost with it.
 */
export function withParent<T>(
  rootFd: number,
  path: ByteString,
  work: (place: StoredPlace) => T,
  { make = false } = {},
): T | undefined {
  const parts = path.split('/')
  const name = parts.pop()!
  let fd = rootFd
  try {
    for (const part of parts) {
      if (make && statAt(fd, part) === undefined) makeLike(fd, part)
      const stat = statAt(fd, part)
      if (stat === undefined || !isDirectory(stat)) return undefined
      const next = openAt(fd, part, O.PATH | O.DIRECTORY | O.NOFOLLOW)
      if (fd !== rootFd) closeFd(fd)
      fd = next
    }
    return work({ fd, name })
  } finally {
    if (fd !== rootFd) closeFd(fd)
  }
}

function makeLike(parentFd: number, name: ByteString): void {
  const { mode, uid, gid } = statFd(parentFd)
  makeDirectoryAt(parentFd, name, mode & MODE.PERMISSIONS)
  if (process.getuid?.() === 0) chownAt(parentFd, name, uid, gid)
}
