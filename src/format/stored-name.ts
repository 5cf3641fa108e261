/**
 * How the names that a person sees are kept on disk, and back.
 *
 * A regular file `N` is the stub `N.f`. Anything else keeps its name, with one more `~` if it looks like a stub's
 * (`\.f~*$`). A plain file (regular, not a stub) keeps its own name. Names are byte strings.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'

export const STUB_SUFFIX = '.f'

/** Longest name that the disk below keeps, in bytes. */
export const STORED_BYTES_MAX = 255

/** Longest name that can be made, for a file's stub must fit the disk below; longer ones that are there are found. */
export const NAME_BYTES_MAX = STORED_BYTES_MAX - STUB_SUFFIX.length

const LOOKS_LIKE_STUB = /\.f~*$/

/** The folder's own directory; reserved at the root of a folder only. */
export const RESERVED_NAME = '.dfs'

export function storedNameOfFile(name: ByteString): ByteString {
  return name + STUB_SUFFIX
}

/** The stored name of a directory, symlink, fifo, socket or device. */
export function storedNameOfOther(name: ByteString): ByteString {
  return LOOKS_LIKE_STUB.test(name) ? `${name}~` : name
}

/** Whether a regular file of this stored name may be a stub; its first bytes decide. */
export function mayBeStub(stored: ByteString): boolean {
  return stored.length > STUB_SUFFIX.length && stored.endsWith(STUB_SUFFIX)
}

export function visibleNameOfStub(stored: ByteString): ByteString {
  return stored.slice(0, -STUB_SUFFIX.length)
}

/** The visible name of a directory, symlink, fifo, socket or device. */
export function visibleNameOfOther(stored: ByteString): ByteString {
  return stored.endsWith('~') && LOOKS_LIKE_STUB.test(stored) ? stored.slice(0, -1) : stored
}

/** The path a person sees of a stub, from that of its stored names. */
export function visiblePathOfStub(path: ByteString): ByteString {
  const names = path.split('/')
  const stub = names.pop()!
  return [...names.map(visibleNameOfOther), visibleNameOfStub(stub)].join('/')
}

/** The other stored name by which an object could have the same visible one. */
export function storedNameBeside(stored: ByteString): ByteString {
  if (mayBeStub(stored)) return storedNameOfOther(visibleNameOfStub(stored))
  return storedNameOfFile(visibleNameOfOther(stored))
}

/** Refuses names that no object could have; `stored` is what it would be kept as. */
export function checkName(name: ByteString, stored: ByteString): void {
  if (stored.length > STORED_BYTES_MAX || name.length > NAME_BYTES_MAX)
    throw new DfsError('name-too-long', 'the name is too long')
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new DfsError('invalid', 'not a name')
  }
}

/** `report.txt` becomes `report (conflict).txt`, then `report (conflict 2).txt`, ... */
export function conflictName(name: ByteString, attempt: number): ByteString {
  const mark = attempt === 1 ? ' (conflict)' : ` (conflict ${attempt})`
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(0, dot) + mark + name.slice(dot) : name + mark
}
