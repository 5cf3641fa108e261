/**
 * What lies in `.dfs/versions`, found and read.
 */

import { Slices } from '../concurrency/slices.ts'
import type { ByteString, StubState } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { mayBeStub, STUB_SUFFIX, visibleNameOfStub } from '../format/stored-name.ts'
import { STUB_BYTES_MAX, TRAILER_OFFSET } from '../format/stub.ts'
import { closeFd, O, openAt, preadFd, tryOpenAt } from '../posix/files.ts'
import { iterateDirectory } from '../posix/listing.ts'
import { openStub, openTrailer } from '../seal/stub-slot.ts'
import type { Inode } from './inode-table.ts'
import type { Services } from './services.ts'
import { parseVersionTime } from './version-time.ts'

export interface WalkedVersion {
  /** Of the file, 32 hex digits. */
  readonly id: string
  /** Its name: when it was superseded or deleted. */
  readonly time: string
  /** The same moment in milliseconds since 1970. */
  readonly timeMs: number
  /** Reads it; undefined if it is damaged, or gone meanwhile. To be called before the walk goes on. */
  read(): VersionContent | undefined
}

export interface VersionContent {
  /** The file's path when the version was kept. */
  readonly path: ByteString
  readonly state: StubState
}

const TRAILER_BYTES_READ = 8192

/** Every version in a folder; what is none is passed over. Gives way to other work now and then. */
export async function* walkVersions({ tree, keys }: Services, directory: Inode): AsyncGenerator<WalkedVersion> {
  const slices = new Slices()
  const fd = openAt(tree.directoryFd(directory), '.', O.RDONLY | O.DIRECTORY)
  try {
    for (const batch of iterateDirectory(fd)) {
      for (const { name: id, type } of batch) {
        await slices.next()
        const versionsFd = type === 'directory' ? tryOpenAt(fd, id, O.RDONLY | O.DIRECTORY | O.NOFOLLOW) : undefined
        if (versionsFd === undefined) continue
        try {
          for (const version of versionsIn(versionsFd, id, keys)) {
            yield version
            await slices.next()
          }
        } finally {
          closeFd(versionsFd)
        }
      }
    }
  } finally {
    closeFd(fd)
  }
}

/** Reads one version of a walk that is over; undefined as there. */
export function readVersionOf(
  { tree, keys }: Services,
  directory: Inode,
  { id, time }: Pick<WalkedVersion, 'id' | 'time'>,
): VersionContent | undefined {
  const fd = tryOpenAt(tree.directoryFd(directory), id, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
  if (fd === undefined) return undefined
  try {
    return readVersion(fd, time + STUB_SUFFIX, keys)
  } finally {
    closeFd(fd)
  }
}

function* versionsIn(directoryFd: number, id: string, keys: Services['keys']): Generator<WalkedVersion> {
  for (const batch of iterateDirectory(directoryFd)) {
    for (const { name } of batch) {
      const time = mayBeStub(name) ? visibleNameOfStub(name) : ''
      const timeMs = parseVersionTime(time)
      if (timeMs !== undefined) yield { id, time, timeMs, read: () => readVersion(directoryFd, name, keys) }
    }
  }
}

function readVersion(directoryFd: number, stored: ByteString, keys: Services['keys']): VersionContent | undefined {
  const fd = tryOpenAt(directoryFd, stored, O.RDONLY | O.NOFOLLOW)
  if (fd === undefined) return undefined
  try {
    const bytes = Buffer.alloc(TRAILER_OFFSET + TRAILER_BYTES_READ)
    const length = preadFd(fd, bytes, 0, bytes.length, 0)
    const { state } = openStub(bytes.subarray(0, Math.min(length, STUB_BYTES_MAX)), keys)
    const path = openTrailer(bytes.subarray(TRAILER_OFFSET, Math.max(TRAILER_OFFSET, length)), keys)
    return path === undefined ? undefined : { path, state }
  } catch (error) {
    if (error instanceof DfsError) return undefined
    throw error
  } finally {
    closeFd(fd)
  }
}
