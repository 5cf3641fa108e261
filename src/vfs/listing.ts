/**
 * Directory listings as a person sees them: stubs by the names they stand for.
 */
import { Slices } from '../concurrency/slices.ts'
import type { ByteString } from '../dfs.ts'
import { describeError } from '../errors.ts'
import { mayBeStub, RESERVED_NAME, visibleNameOfOther, visibleNameOfStub } from '../format/stored-name.ts'
import { logger } from '../log.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { iterateDirectory } from '../posix/listing.ts'
import { statAt } from '../posix/stat.ts'
import type { Inode } from './inode-table.ts'
import type { DirectoryEntry } from './operations.ts'
import type { Services } from './services.ts'

const log = logger('vfs')

/**
 * Everything in a directory, `.` and `..` included. Where a plain file stands beside the stub of the same name,
 * `adopt` makes one of both, or two of different names. Gives way to other work now and then, for a directory may be large.
 */
export async function listDirectory(
  services: Services,
  directory: Inode,
  adopt: (directory: Inode, name: ByteString) => Promise<void>,
): Promise<DirectoryEntry[]> {
  const { entries, hidden } = await list(services, directory)
  if (hidden.length === 0) return entries
  for (const name of hidden) await adopt(directory, name).catch((error) => log('%s', describeError(error)))
  return (await list(services, directory)).entries
}

/** `hidden`: names of plain files that a stub hides. */
async function list(
  services: Services,
  directory: Inode,
): Promise<{ entries: DirectoryEntry[]; hidden: ByteString[] }> {
  const { tree, table } = services
  const isRoot = directory === table.root
  const found = new Map<ByteString, DirectoryEntry>()
  const plain = new Set<ByteString>()
  const stubs = new Set<ByteString>()
  const slices = new Slices()
  const fd = openAt(tree.directoryFd(directory), '.', O.RDONLY | O.DIRECTORY)
  try {
    for (const batch of iterateDirectory(fd)) {
      for (const { name: stored, ino, type } of batch) {
        await slices.next()
        const isStub = type === 'file' && mayBeStub(stored) && isStubHere(services, directory, fd, stored, ino)
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

function isStubHere({ tree }: Services, directory: Inode, fd: number, stored: ByteString, ino: number): boolean {
  const known = directory.children.get(visibleNameOfStub(stored))
  if (known?.kind === 'stub' && known.statIno === ino) return true
  const stat = statAt(fd, stored)
  return stat !== undefined && tree.isStub(fd, stored, stat)
}
