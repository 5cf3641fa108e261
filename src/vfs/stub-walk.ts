/**
 * A walk over all stubs of a folder on the disk below, the kept versions included: what a garbage collection marks
 * by, and what `verify` reads.
 */
import type { ByteString, StubState } from '../dfs.ts'
import { mayBeStub, RESERVED_NAME, visibleNameOfOther, visibleNameOfStub } from '../format/stored-name.ts'
import { closeFd, O, openAt, tryOpenAt } from '../posix/files.ts'
import { type DirectoryEntry, readDirectory } from '../posix/listing.ts'
import { type Stat, statAt, statFd } from '../posix/stat.ts'
import type { Services } from './services.ts'
import type { StubTree } from './stub-tree.ts'
import { VERSIONS_DIRECTORY } from './versions.ts'

export interface WalkedStub {
  /** As a person sees it, from the folder's root. */
  readonly path: ByteString
  readonly stat: Stat
  /** Reads the stub. Fails with `corrupt`, `wrong-key`, `newer-version`, `io`. */
  readonly load: () => StubState
}

export interface WalkOptions {
  /** Called for each regular file that is no stub. */
  readonly onPlain?: ((path: ByteString) => void) | undefined
}

/**
 * Every stub at or below a visible path ('' for all), the kept versions last: a file that is removed while the walk
 * is under way, or whose stub is written anew, moves to them. Fails if a directory cannot be read.
 * Only the name of one directory's entries is in memory at a time, and a descriptor for each level.
 */
export async function* walkStubs(
  { tree }: Services,
  inside: ByteString = '',
  options: WalkOptions = {},
): AsyncGenerator<WalkedStub> {
  const parts = inside.split('/').filter((part) => part !== '')
  yield* walk({ tree, options }, tree.rootFd, '', parts)
}

interface Walk {
  readonly tree: StubTree
  readonly options: WalkOptions
}

async function* walk(
  context: Walk,
  directoryFd: number,
  path: ByteString,
  wanted: readonly ByteString[],
): AsyncGenerator<WalkedStub> {
  const [first, ...rest] = wanted
  const fd = openAt(directoryFd, '.', O.RDONLY | O.DIRECTORY)
  try {
    for (const { name: stored, type } of reservedLast(readDirectory(fd), path)) {
      if (type === 'directory') {
        const name = visibleNameOfOther(stored)
        if ((first !== undefined && first !== name) || isSkipped(path, stored)) continue
        // Gone since it was listed is gone; anything else that is in the way fails the walk.
        const childFd = tryOpenAt(fd, stored, O.PATH | O.DIRECTORY | O.NOFOLLOW)
        if (childFd === undefined) continue
        try {
          yield* walk(context, childFd, join(path, name), rest)
        } finally {
          closeFd(childFd)
        }
      } else if (type === 'file') {
        const name = mayBeStub(stored) ? visibleNameOfStub(stored) : stored
        if (first !== undefined && first !== name && first !== stored) continue
        const stub = name === stored ? undefined : stubHere(context.tree, fd, stored, join(path, name))
        if (stub !== undefined) yield stub
        else context.options.onPlain?.(join(path, stored))
      }
    }
  } finally {
    closeFd(fd)
  }
}

/** Undefined if it is no stub, or gone since it was listed. */
function stubHere(tree: StubTree, fd: number, stored: ByteString, path: ByteString): WalkedStub | undefined {
  const stat = statAt(fd, stored)
  if (stat === undefined || !tree.isStub(fd, stored, stat)) return undefined
  return { path, stat, load: () => tree.load(fd, stored, stat).state }
}

function reservedLast(entries: DirectoryEntry[], path: ByteString): DirectoryEntry[] {
  const at = path === '' ? entries.findIndex(({ name }) => name === RESERVED_NAME) : -1
  if (at >= 0) entries.push(...entries.splice(at, 1))
  return entries
}

/** Of the folder's own directory only the versions refer to blocks. */
function isSkipped(path: ByteString, stored: ByteString): boolean {
  return path === RESERVED_NAME && stored !== VERSIONS_DIRECTORY
}

function join(path: ByteString, name: ByteString): ByteString {
  return path === '' ? name : `${path}/${name}`
}

/** Every name below the folder's root by the inode number it had when it was listed. */
export function storedPathsByIno(services: Services): Map<number, ByteString[]> {
  const found = new Map<number, ByteString[]>()
  const visit = (directoryFd: number, path: ByteString) => {
    const fd = openAt(directoryFd, '.', O.RDONLY | O.DIRECTORY)
    try {
      for (const { name, ino, type } of readDirectory(fd)) {
        const own = join(path, name)
        if (type === 'file') found.set(ino, [...(found.get(ino) ?? []), own])
        if (type !== 'directory') continue
        const childFd = tryOpenAt(fd, name, O.PATH | O.DIRECTORY | O.NOFOLLOW)
        if (childFd === undefined) continue
        if (statFd(childFd).ino === ino) visit(childFd, own)
        closeFd(childFd)
      }
    } finally {
      closeFd(fd)
    }
  }
  visit(services.tree.rootFd, '')
  return found
}
