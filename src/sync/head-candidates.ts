/**
 * The names in a directory on the disk below that an entry of a head may come from.
 */
import type { ByteString } from '../dfs.ts'
import {
  mayBeStub,
  RESERVED_NAME,
  STORED_BYTES_MAX,
  storedNameOfFile,
  storedNameOfOther,
  visibleNameOfOther,
  visibleNameOfStub,
} from '../format/stored-name.ts'
import { type EntryType, readDirectory } from '../posix/listing.ts'
import { statAt } from '../posix/stat.ts'
import { typeOf } from './head-objects.ts'

/** A name in a directory; `visible` as a person sees it. */
export interface Candidate {
  readonly visible: ByteString
  readonly stored: ByteString
  readonly type: EntryType
}

export interface Candidates {
  /** The last name first; of several with one visible name, the one that a person sees after the others. */
  readonly candidates: Candidate[]
  /** Files that are certainly no stubs. */
  readonly plainFiles: number
}

/** All in an open directory. */
export function candidatesIn(fd: number, { isRoot }: { isRoot: boolean }): Candidates {
  const names = readDirectory(fd).filter(({ name }) => !isRoot || name !== RESERVED_NAME)
  return candidatesOf(
    names.map(({ name, type }) => ({ stored: name, type: type === 'unknown' ? typeAt(fd, name) : type })),
  )
}

/** Those of one visible name. */
export function candidatesNamed(fd: number, visible: ByteString): Candidates {
  const names = new Set([storedNameOfFile(visible), storedNameOfOther(visible), visible])
  const stored = [...names].filter((name) => name.length <= STORED_BYTES_MAX)
  const { candidates, plainFiles } = candidatesOf(stored.map((name) => ({ stored: name, type: typeAt(fd, name) })))
  return { candidates: candidates.filter((one) => one.visible === visible), plainFiles }
}

function candidatesOf(names: readonly { stored: ByteString; type: EntryType | undefined }[]): Candidates {
  const candidates: Candidate[] = []
  let plainFiles = 0
  for (const { stored, type } of names) {
    if (type === 'file' && !mayBeStub(stored)) plainFiles++
    else if (type !== undefined) candidates.push({ visible: visibleName(stored, type), stored, type })
  }
  return { candidates: candidates.sort(byNameDescending), plainFiles }
}

function typeAt(fd: number, stored: ByteString): EntryType | undefined {
  const stat = statAt(fd, stored)
  return stat && typeOf(stat)
}

function visibleName(stored: ByteString, type: EntryType): ByteString {
  return type === 'file' ? visibleNameOfStub(stored) : visibleNameOfOther(stored)
}

function byNameDescending(a: Candidate, b: Candidate): number {
  if (a.visible !== b.visible) return a.visible < b.visible ? 1 : -1
  return precedence(b) - precedence(a)
}

/** Lowest first: a stub, then what has its name in the way that dfs gives it. */
function precedence({ visible, stored, type }: Candidate): number {
  if (type === 'file' && stored === storedNameOfFile(visible)) return 0
  return stored === visible ? 2 : 1
}
