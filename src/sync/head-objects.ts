/**
 * One object of a folder on the disk below, as an entry of a head.
 */
import type { ByteString, StubState } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import type { HeadEntry } from '../format/head-entry.ts'
import { FILE_ID_BYTES, STUB_BYTES_MAX } from '../format/stub.ts'
import { STUB_LINE_BYTES, stubKind } from '../format/stub-line.ts'
import { O, preadFd, tryOpenAt } from '../posix/files.ts'
import type { EntryType } from '../posix/listing.ts'
import { readLinkAt } from '../posix/names.ts'
import { MODE, type Stat, statFd } from '../posix/stat.ts'
import { getXattrAt, getXattrFd, listXattrsAt, listXattrsFd } from '../posix/xattrs.ts'
import { type OnXattrsLeftOut, readXattrs } from '../seal/carried-xattrs.ts'
import type { Keys } from '../seal/keys.ts'
import { openStub } from '../seal/stub-slot.ts'

/** A stub that is being written may look torn: it is read again, so often. */
const READS_MAX = 3
const scratch = Buffer.alloc(STUB_BYTES_MAX)
const NOTHING = Buffer.alloc(0)

/** Opens for reading without leaving a trace where that is allowed; undefined where there is no such object. */
export function openQuietly(dirFd: number, name: ByteString, flags: number): number | undefined {
  const reading = O.RDONLY | O.NOFOLLOW | flags
  try {
    return tryOpenAt(dirFd, name, reading | O.NOATIME)
  } catch (error) {
    if (kindOf(error) !== 'not-permitted') throw error // Not ours: then the time of reading is noted.
    return tryOpenAt(dirFd, name, reading)
  }
}

/** An open directory. */
export function directoryEntry(fd: number, path: ByteString, onXattrsLeftOut: OnXattrsLeftOut): HeadEntry {
  const { mode, mtimeNs, uid, gid } = statFd(fd)
  const xattrs = readXattrs(
    path,
    { list: () => listXattrsFd(fd), get: (name) => getXattrFd(fd, name) },
    onXattrsLeftOut,
  )
  return { kind: 'directory', path, uid, gid, mode: mode & MODE.PERMISSIONS, mtimeNs, ...xattrs }
}

/**
 * An open regular file that is named like a stub; undefined if it is none. Fails with `corrupt`, `wrong-key`,
 * `newer-version`, and with `stale` if it is no regular file.
 */
export function stubEntry(
  { fd, stat, path, keys }: { fd: number; stat: Stat; path: ByteString; keys: Keys },
  onXattrsLeftOut: OnXattrsLeftOut,
): HeadEntry | undefined {
  if (typeOf(stat) !== 'file') throw changed()
  const state = readState(fd, stat, keys)
  if (state === undefined) return undefined
  const xattrs = readXattrs(
    path,
    { list: () => listXattrsFd(fd), get: (name) => getXattrFd(fd, name) },
    onXattrsLeftOut,
  )
  return { kind: 'file', path, uid: stat.uid, gid: stat.gid, state, ...xattrs }
}

/** A symbolic link or a fifo. Fails with `unsupported` for anything else. */
export function otherEntry(
  { dirFd, stored, stat, path }: { dirFd: number; stored: ByteString; stat: Stat; path: ByteString },
  onXattrsLeftOut: OnXattrsLeftOut,
): HeadEntry {
  const { uid, gid, mtimeNs } = stat
  const type = typeOf(stat)
  if (type === 'symlink') return { kind: 'symlink', path, uid, gid, mtimeNs, target: readLinkAt(dirFd, stored) }
  if (type !== 'fifo') throw new DfsError('unsupported', `a head carries no ${type}`)
  const access = { list: () => listXattrsAt(dirFd, stored), get: (name: ByteString) => getXattrAt(dirFd, stored, name) }
  const xattrs = readXattrs(path, access, onXattrsLeftOut)
  return { kind: 'fifo', path, uid, gid, mode: stat.mode & MODE.PERMISSIONS, mtimeNs, ...xattrs }
}

/** As a directory's listing calls it. */
export function typeOf({ mode }: Stat): EntryType {
  switch (mode & MODE.FORMAT) {
    case MODE.REGULAR:
      return 'file'
    case MODE.DIRECTORY:
      return 'directory'
    case MODE.SYMLINK:
      return 'symlink'
    case MODE.FIFO:
      return 'fifo'
    case MODE.SOCKET:
      return 'socket'
    case MODE.CHARACTER:
      return 'char'
    case MODE.BLOCK:
      return 'block'
    default:
      return 'unknown'
  }
}

function readState(fd: number, stat: Stat, keys: Keys): StubState | undefined {
  for (let reads = 1; ; reads++) {
    const bytes = scratch.subarray(0, preadFd(fd, scratch, 0, scratch.length, 0))
    const kind = stubKind(bytes.subarray(0, STUB_LINE_BYTES))
    if (kind === 'plain') return undefined
    if (kind === 'empty') return neverCommitted(stat)
    try {
      const { state, newerMayBeLost } = openStub(bytes, keys)
      if (!newerMayBeLost) return state
      throw new DfsError('corrupt', 'the newer state in the stub is damaged')
    } catch (error) {
      if (kindOf(error) !== 'corrupt' || reads === READS_MAX) throw error
    }
  }
}

function neverCommitted({ mode, mtimeNs }: Stat): StubState {
  return {
    fileId: Buffer.alloc(FILE_ID_BYTES),
    sequence: 0,
    meta: { mode: mode & MODE.PERMISSIONS, size: 0, mtimeNs, ctimeNs: mtimeNs },
    content: { kind: 'inline', bytes: NOTHING },
  }
}

function changed(): DfsError {
  return new DfsError('stale', 'another object stands in its place now')
}
