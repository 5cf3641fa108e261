/**
 * Paths in a head: byte strings below a folder's root, names joined by `/`, the root itself the empty path.
 *
 * They are ordered name by name, as a walk comes by them: what is in a directory follows it at once, and `a/b` comes before
 * `a.txt`. It is the order of the bytes, were `/` less than any of them.
 */
import type { ByteString } from '../dfs.ts'
import { STORED_BYTES_MAX } from './stored-name.ts'

/** Linux's PATH_MAX without the NUL: no program could name a longer one. */
export const HEAD_PATH_BYTES_MAX = 4095
const SLASH = 0x2f
/** No name at all, the two that lead elsewhere, and a byte that ends names. */
const NOT_A_PATH = /(?:^|\/)\.{0,2}(?:\/|$)|\0/

/** Whether the names of a path, which is not the root's, are all names that an object can have. */
export function isHeadPath(path: ByteString): boolean {
  return path.length <= HEAD_PATH_BYTES_MAX && !NOT_A_PATH.test(path) && hasShortNames(path)
}

/** Below 0 where `a` comes first, 0 where they are equal. */
export function comparePaths(a: ByteString, b: ByteString): number {
  const common = Math.min(a.length, b.length)
  for (let at = 0; at < common; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (x !== y) return (x === SLASH ? 0 : x) - (y === SLASH ? 0 : y)
  }
  return a.length - b.length
}

/** The path of the directory that an object is in; undefined for the root. */
export function parentPath(path: ByteString): ByteString | undefined {
  return path === '' ? undefined : path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** The last name of a path. */
export function lastName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function joinPath(directory: ByteString, name: ByteString): ByteString {
  return directory === '' ? name : `${directory}/${name}`
}

/** Whether a path is that of an object, or of something below it. */
export function isAtOrBelow(path: ByteString, object: ByteString): boolean {
  if (object === '' || path === object) return true
  return path.charCodeAt(object.length) === SLASH && path.startsWith(object)
}

function hasShortNames(path: ByteString): boolean {
  for (let start = 0; path.length - start > STORED_BYTES_MAX; ) {
    const end = path.indexOf('/', start)
    if (end < 0 || end - start > STORED_BYTES_MAX) return false
    start = end + 1
  }
  return true
}
