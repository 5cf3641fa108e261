/**
 * Changes to directories: making, linking, renaming and removing names.
 *
 * Names are byte strings below an open directory; none of these follows a symbolic link at the last component.
 */
import type { ByteString } from '../dfs.ts'
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  check,
  cString,
  cString2,
  lastError,
  libc,
  PATH_BYTES_MAX,
  pathOfFd,
} from './libc.ts'

/** Flags of renameat2(2). */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2 } as const

const target = Buffer.allocUnsafeSlow(PATH_BYTES_MAX)

export function makeDirectoryAt(dirFd: number, name: ByteString, mode: number): void {
  check(libc.mkdirat(dirFd, cString(name), mode), 'mkdirat', name)
}

/** `mode` with the type bits; `rdev` as Linux's new_encode_dev packs it, for devices. */
export function makeNodeAt(dirFd: number, name: ByteString, mode: number, rdev: number): void {
  check(libc.mknodat(dirFd, cString(name), mode, rdev), 'mknodat', name)
}

export function unlinkAt(dirFd: number, name: ByteString): void {
  check(libc.unlinkat(dirFd, cString(name), 0), 'unlinkat', name)
}

export function removeDirectoryAt(dirFd: number, name: ByteString): void {
  check(libc.unlinkat(dirFd, cString(name), AT_REMOVEDIR), 'rmdir', name)
}

/** Replaces `to` at once; with NOREPLACE fails with `exists` instead; with EXCHANGE both keep existing. */
export function renameAt(fromFd: number, from: ByteString, toFd: number, to: ByteString, flags = 0): void {
  check(libc.renameat2(fromFd, cString(from), toFd, cString2(to), flags), 'renameat2', from)
}

/** Another name for `from`, a symbolic link itself if it is one. */
export function linkAt(fromFd: number, from: ByteString, toFd: number, to: ByteString): void {
  check(libc.linkat(fromFd, cString(from), toFd, cString2(to), 0), 'linkat', to)
}

/** Gives an open file (O_PATH too, or O_TMPFILE) a name; a file whose last name is gone stays gone: `not-found`. */
export function linkFd(fd: number, toFd: number, to: ByteString): void {
  const from = cString(pathOfFd(fd))
  check(libc.linkat(AT_FDCWD, from, toFd, cString2(to), AT_SYMLINK_FOLLOW), 'linkat', to)
}

export function symlinkAt(content: ByteString, dirFd: number, name: ByteString): void {
  check(libc.symlinkat(cString(content), dirFd, cString2(name)), 'symlinkat', name)
}

/** What a symbolic link holds; `invalid` for what is none. */
export function readLinkAt(dirFd: number, name: ByteString): ByteString {
  const bytes = libc.readlinkat(dirFd, cString(name), target, target.length)
  if (bytes < 0) throw lastError('readlinkat', name)
  return target.toString('latin1', 0, bytes)
}
