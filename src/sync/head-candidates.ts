/**
 * The names in a directory on the disk below that an entry of a head may come from.
 */
import type { Slices } from '../concurrency/slices.ts'
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
import { type EntryType, iterateDirectory } from '../posix/listing.ts'
import { statAt } from '../posix/stat.ts'
import { typeOf } from './head-objects.ts'

const MERGED_AT_ONCE = 1_000

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

/**
 * All in an open directory, read and sorted a piece at a time: one that changes meanwhile may have lost or gained what
 * changed.
 */
export async function candidatesIn(
  fd: number,
  { isRoot, slices }: { isRoot: boolean; slices: Slices },
): Promise<Candidates> {
  const runs: Candidate[][] = []
  let plainFiles = 0
  for (const batch of iterateDirectory(fd)) {
    await slices.next()
    const names = batch.filter(({ name }) => !isRoot || name !== RESERVED_NAME)
    const found = candidatesOf(
      names.map(({ name, type }) => ({ stored: name, type: type === 'unknown' ? typeAt(fd, name) : type })),
    )
    runs.push(found.candidates)
    plainFiles += found.plainFiles
  }
  return { candidates: await merged(runs, slices), plainFiles }
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

/** One sorted list of several, each name once. */
async function merged(runs: readonly Candidate[][], slices: Slices): Promise<Candidate[]> {
  let left = [...runs]
  while (left.length > 1) {
    const next: Candidate[][] = []
    for (let at = 0; at < left.length; at += 2) next.push(await mergedTwo(left[at]!, left[at + 1] ?? [], slices))
    left = next
  }
  return left[0] ?? []
}

async function mergedTwo(a: readonly Candidate[], b: readonly Candidate[], slices: Slices): Promise<Candidate[]> {
  const all: Candidate[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if ((i + j) % MERGED_AT_ONCE === 0) await slices.next()
    const isFirst = j === b.length || (i < a.length && byNameDescending(a[i]!, b[j]!) <= 0)
    const next = isFirst ? a[i++]! : b[j++]!
    // Renamed while it was read, it comes up again.
    if (all.at(-1)?.stored !== next.stored) all.push(next)
  }
  return all
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
