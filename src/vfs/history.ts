/**
 * Kept versions of a file, found by the path that each carries inside, and put back.
 */

import { textOf } from '../bytes/byte-string.ts'
import type { ByteString, StubState } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { STUB_BYTES_MAX, TRAILER_OFFSET } from '../format/stub.ts'
import { closeFd, O, openAt, preadFd, tryOpenAt } from '../posix/files.ts'
import { readDirectory } from '../posix/listing.ts'
import { openStub, openTrailer } from '../seal/stub-slot.ts'
import type { Inode } from './inode-table.ts'
import { mayBeStub, visibleNameOfStub } from './names.ts'
import type { Services } from './services.ts'
import { parseVersionTime } from './version-time.ts'

export interface KeptVersion {
  /** When it was superseded or deleted: the name of the version. */
  readonly time: string
  /** Milliseconds since 1970, the same moment. */
  readonly timeMs: number
  readonly path: ByteString
  readonly size: number
  readonly state: StubState
}

const TRAILER_BYTES_READ = 8192

/** Versions of a path, or of the file that has the path now under whatever path it had; the newest first. */
export async function versionsOf(
  services: Services,
  directory: Inode,
  { path, fileId }: { path: ByteString; fileId: Buffer | undefined },
): Promise<KeptVersion[]> {
  const found: KeptVersion[] = []
  const own = fileId?.toString('hex')
  for await (const { id, version } of allVersions(services, directory)) {
    if (version.path === path || id === own) found.push(version)
  }
  return found.sort((a, b) => b.timeMs - a.timeMs)
}

/**
 * The version that a person means: the newest, the one of exactly this name, or the content at some moment.
 * `at`: a version's name, or anything that Date understands. Fails with `not-found`, `invalid`.
 */
export function chooseVersion(versions: readonly KeptVersion[], path: ByteString, at: string | undefined): KeptVersion {
  const subject = textOf(path)
  const mend = `see "dfs history ${subject}"`
  if (versions.length === 0) throw new DfsError('not-found', 'no earlier version is kept', { op: 'restore', subject })
  if (at === undefined) return versions[0]!
  const exact = versions.find(({ time }) => time === at)
  if (exact !== undefined) return exact
  const moment = parseVersionTime(at) ?? Date.parse(at)
  if (Number.isNaN(moment)) throw new DfsError('invalid', `"${at}" is no time`, { op: 'restore', subject, mend })
  const chosen = versions.findLast(({ timeMs }) => timeMs > moment)
  if (chosen === undefined)
    throw new DfsError('not-found', 'no version was superseded after that time', { op: 'restore', subject, mend })
  return chosen
}

async function* allVersions(
  { tree, keys }: Services,
  directory: Inode,
): AsyncGenerator<{ id: string; version: KeptVersion }> {
  const fd = openAt(tree.directoryFd(directory), '.', O.RDONLY | O.DIRECTORY)
  try {
    for (const { name: id } of readDirectory(fd)) {
      const versionsFd = tryOpenAt(fd, id, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
      if (versionsFd === undefined) continue
      try {
        for (const { name } of readDirectory(versionsFd)) {
          const version = mayBeStub(name) ? readVersion(versionsFd, name, keys) : undefined
          if (version !== undefined) yield { id, version }
        }
      } finally {
        closeFd(versionsFd)
      }
      // A folder may have very many.
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    closeFd(fd)
  }
}

/** Undefined for what is no version, or a damaged one. */
function readVersion(directoryFd: number, stored: ByteString, keys: Services['keys']): KeptVersion | undefined {
  const time = visibleNameOfStub(stored)
  const timeMs = parseVersionTime(time)
  const fd = timeMs === undefined ? undefined : tryOpenAt(directoryFd, stored, O.RDONLY | O.NOFOLLOW)
  if (fd === undefined || timeMs === undefined) return undefined
  try {
    const bytes = Buffer.alloc(TRAILER_OFFSET + TRAILER_BYTES_READ)
    const length = preadFd(fd, bytes, 0, bytes.length, 0)
    const { state } = openStub(bytes.subarray(0, Math.min(length, STUB_BYTES_MAX)), keys)
    const path = openTrailer(bytes.subarray(TRAILER_OFFSET, Math.max(TRAILER_OFFSET, length)), keys)
    return path === undefined ? undefined : { time, timeMs, path, size: state.meta.size, state }
  } catch (error) {
    if (error instanceof DfsError) return undefined
    throw error
  } finally {
    closeFd(fd)
  }
}
