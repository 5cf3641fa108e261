/**
 * Extended attributes, by path through /proc/self/fd, which serves O_PATH descriptors and names below a directory alike.
 *
 * The `At` forms do not follow a symbolic link at the last component.
 * Fails with `unsupported` where the file system has none, `not-permitted` for `user.*` on what is no file or directory.
 */
import type { ByteString } from '../dfs.ts'
import type { ErrorKind } from '../errors.ts'
import { ERRNO } from './errno.ts'
import { check, cString, cString2, errno, lastError, libc, pathOfFd } from './libc.ts'

/** Flags of setxattr(2). */
export const XATTR = { CREATE: 1, REPLACE: 2 } as const

/** What the system says to an attribute that an object of another file system or user could have had. */
export const CANNOT_BE_KEPT: ReadonlySet<ErrorKind> = new Set([
  'unsupported',
  'not-permitted',
  'no-permission',
  'no-space',
  'too-large',
  'invalid',
])

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h: no value and no list is longer. */
const scratch = Buffer.allocUnsafeSlow(65536)

/** Undefined where the object has no such attribute. */
export function getXattrAt(dirFd: number, name: ByteString, attribute: ByteString): Buffer | undefined {
  const path = pathAt(dirFd, name)
  return value(libc.lgetxattr(cString(path), cString2(attribute), scratch, scratch.length), name)
}

export function getXattrFd(fd: number, attribute: ByteString): Buffer | undefined {
  return value(libc.getxattr(cString(pathOfFd(fd)), cString2(attribute), scratch, scratch.length))
}

/** Names of all attributes that the caller may know of. */
export function listXattrsAt(dirFd: number, name: ByteString): ByteString[] {
  const bytes = libc.llistxattr(cString(pathAt(dirFd, name)), scratch, scratch.length)
  check(bytes, 'listxattr', name)
  return list(bytes)
}

export function listXattrsFd(fd: number): ByteString[] {
  const bytes = libc.listxattr(cString(pathOfFd(fd)), scratch, scratch.length)
  check(bytes, 'listxattr')
  return list(bytes)
}

/** `flags`: XATTR.CREATE fails with `exists`, XATTR.REPLACE with `no-data`; 0 does either. */
export function setXattrAt(dirFd: number, name: ByteString, attribute: ByteString, value: Buffer, flags = 0): void {
  const path = cString(pathAt(dirFd, name))
  check(libc.lsetxattr(path, cString2(attribute), value, value.length, flags), 'setxattr', name)
}

export function setXattrFd(fd: number, attribute: ByteString, value: Buffer, flags = 0): void {
  check(libc.setxattr(cString(pathOfFd(fd)), cString2(attribute), value, value.length, flags), 'setxattr')
}

/** Fails with `no-data` where there is none. */
export function removeXattrAt(dirFd: number, name: ByteString, attribute: ByteString): void {
  check(libc.lremovexattr(cString(pathAt(dirFd, name)), cString2(attribute)), 'removexattr', name)
}

export function removeXattrFd(fd: number, attribute: ByteString): void {
  check(libc.removexattr(cString(pathOfFd(fd)), cString2(attribute)), 'removexattr')
}

function pathAt(dirFd: number, name: ByteString): ByteString {
  return `${pathOfFd(dirFd)}/${name}`
}

function value(bytes: number, name?: ByteString): Buffer | undefined {
  if (bytes >= 0) return Buffer.from(scratch.subarray(0, bytes))
  if (errno() === ERRNO.ENODATA) return undefined
  throw lastError('getxattr', name)
}

function list(bytes: number): ByteString[] {
  return scratch.toString('latin1', 0, bytes).split('\0').slice(0, -1)
}
