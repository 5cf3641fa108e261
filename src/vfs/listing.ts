/**
 * Directory listings as a person sees them: stubs by the names they stand for.
 */
import type { ByteString } from '../dfs.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { iterateDirectory } from '../posix/listing.ts'
import { statAt } from '../posix/stat.ts'
import type { Inode } from './inode-table.ts'
import { mayBeStub, RESERVED_NAME, visibleNameOfOther, visibleNameOfStub } from './names.ts'
import type { DirectoryEntry } from './operations.ts'
import type { Services } from './services.ts'

/** How long a listing may keep the loop to itself. */
const SLICE_MS = 4

/**
 * Everything in a directory, `.` and `..` included. A stub hides what else would have its name.
 * Gives way to other work now and then, for a directory may be large.
 */
export async function listDirectory(services: Services, directory: Inode): Promise<DirectoryEntry[]> {
  const { tree, table } = services
  const isRoot = directory === table.root
  const parent = isRoot ? directory : directory.place.parent
  const entries = new Map<ByteString, DirectoryEntry>()
  const dots: DirectoryEntry[] = [
    { name: '.', ino: directory.statIno, type: 'directory' },
    { name: '..', ino: parent.statIno, type: 'directory' },
  ]
  const fd = openAt(tree.directoryFd(directory), '.', O.RDONLY | O.DIRECTORY)
  try {
    let sliceEnd = performance.now() + SLICE_MS
    for (const batch of iterateDirectory(fd)) {
      for (const { name: stored, ino, type } of batch) {
        if (performance.now() > sliceEnd) {
          await new Promise((resolve) => setImmediate(resolve))
          sliceEnd = performance.now() + SLICE_MS
        }
        const isStub = type === 'file' && mayBeStub(stored) && isStubHere(services, directory, fd, stored, ino)
        const name = isStub ? visibleNameOfStub(stored) : type === 'file' ? stored : visibleNameOfOther(stored)
        if (isRoot && name === RESERVED_NAME) continue
        if (isStub || !entries.has(name)) entries.set(name, { name, ino, type })
      }
    }
  } finally {
    closeFd(fd)
  }
  return [...dots, ...entries.values()]
}

function isStubHere({ tree }: Services, directory: Inode, fd: number, stored: ByteString, ino: number): boolean {
  const known = directory.children.get(visibleNameOfStub(stored))
  if (known?.kind === 'stub' && known.statIno === ino) return true
  const stat = statAt(fd, stored)
  return stat !== undefined && tree.isStub(fd, stored, stat)
}
