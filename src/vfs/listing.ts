/**
 * Directory listings as a person sees them: stubs by the names they stand for.
 */
import { Slices } from '../concurrency/slices.ts'
import { whenReady } from '../concurrency/when-ready.ts'
import type { ByteString } from '../dfs.ts'
import { describeError } from '../errors.ts'
import { mayBeStub, RESERVED_NAME, visibleNameOfOther, visibleNameOfStub } from '../format/stored-name.ts'
import { logger } from '../log.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { iterateDirectory } from '../posix/listing.ts'
import { statAt } from '../posix/stat.ts'
import type { Inode } from './inode-table.ts'
import type { Awaitable, DirectoryEntry } from './operations.ts'
import type { Services } from './services.ts'
import type { Found } from './stub-tree.ts'

const log = logger('vfs')

/** So many entries are listed before others have a turn. */
const AT_ONCE_MAX = 64

/** What was found out of files while their directory was listed, by their names; true for as long as nothing else is done. */
export type Seen = Map<ByteString, Found>

interface Listed {
  readonly entries: DirectoryEntry[]
  /** Names of plain files that a stub hides. */
  readonly hidden: ByteString[]
}

/**
 * Everything in a directory, `.` and `..` included, at once if that is little; what it took to tell files apart goes into `seen`.
 * Where a plain file stands beside the stub of the same name, `adopt` makes one of both, or two of different names.
 */
export function listDirectory(
  services: Services,
  directory: Inode,
  adopt: (directory: Inode, name: ByteString) => Promise<void>,
  seen: Seen = new Map(),
): Awaitable<DirectoryEntry[]> {
  return whenReady(list(services, directory, seen), ({ entries, hidden }) => {
    if (hidden.length === 0) return entries
    return adoptAll(hidden).then(async () => (await list(services, directory, new Map())).entries)
  })

  async function adoptAll(names: readonly ByteString[]): Promise<void> {
    for (const name of names) await adopt(directory, name).catch((error) => log('%s', describeError(error)))
  }
}

function list(services: Services, directory: Inode, seen: Seen): Awaitable<Listed> {
  const steps = listing(services, directory, seen)
  for (let count = 0; count < AT_ONCE_MAX; count++) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
  return inSlices(steps)
}

/** Gives way to other work now and then, for a directory may be large. */
async function inSlices(steps: Generator<void, Listed>): Promise<Listed> {
  const slices = new Slices()
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    await slices.next()
  }
}

/** One entry a step. */
function* listing(services: Services, directory: Inode, seen: Seen): Generator<void, Listed> {
  const { tree, table } = services
  const isRoot = directory === table.root
  const found = new Map<ByteString, DirectoryEntry>()
  const plain = new Set<ByteString>()
  const stubs = new Set<ByteString>()
  const fd = openAt(tree.directoryFd(directory), '.', O.RDONLY | O.DIRECTORY)
  try {
    for (const batch of iterateDirectory(fd)) {
      for (const { name: stored, ino, type } of batch) {
        yield
        const isStub =
          type === 'file' && mayBeStub(stored) && isStubHere(services, directory, fd, { stored, ino, seen })
        const name = isStub ? visibleNameOfStub(stored) : type === 'file' ? stored : visibleNameOfOther(stored)
        if (isRoot && name === RESERVED_NAME) continue
        if (isStub) stubs.add(name)
        else if (type === 'file') plain.add(name)
        if (isStub || !found.has(name)) found.set(name, { name, ino, type })
      }
    }
  } finally {
    closeFd(fd)
  }
  const parent = isRoot ? directory : directory.place.parent
  const dots: DirectoryEntry[] = [
    { name: '.', ino: directory.statIno, type: 'directory' },
    { name: '..', ino: parent.statIno, type: 'directory' },
  ]
  return { entries: [...dots, ...found.values()], hidden: [...plain.intersection(stubs)] }
}

function isStubHere(
  { tree }: Services,
  directory: Inode,
  fd: number,
  { stored, ino, seen }: { stored: ByteString; ino: number; seen: Seen },
): boolean {
  const name = visibleNameOfStub(stored)
  const known = directory.children.get(name)
  if (known?.kind === 'stub' && known.statIno === ino) return true
  const stat = statAt(fd, stored)
  const found = stat && tree.stubOf(fd, stored, stat)
  if (found !== undefined) seen.set(name, found)
  return found !== undefined
}
