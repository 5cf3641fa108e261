/**
 * Making one object that a head tells of, below a directory that is open. What is there already and equal stays; what is
 * there and differs is what a crash left of it, and is made anew.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError, type ErrorKind, kindOf } from '../errors.ts'
import type { FileEntry, HeadEntry, PlainEntry, SymlinkEntry } from '../format/head-entry.ts'
import { lastName } from '../format/head-path.ts'
import { storedNameOfFile, storedNameOfOther } from '../format/stored-name.ts'
import { encodeSlotPlain } from '../format/stub.ts'
import { chmodAt, chmodFd, chownAt, chownFd, utimesAt, utimesFd } from '../posix/attributes.ts'
import { closeFd, O, openAt, tryOpenAt } from '../posix/files.ts'
import { linkFd, makeDirectoryAt, makeNodeAt, readLinkAt, symlinkAt, unlinkAt } from '../posix/names.ts'
import { MODE, statAt, statFd } from '../posix/stat.ts'
import { CANNOT_BE_KEPT, setXattrAt, setXattrFd } from '../posix/xattrs.ts'
import { isCarried } from '../seal/carried-xattrs.ts'
import type { Keys } from '../seal/keys.ts'
import { writeStub } from '../seal/stub-io.ts'
import { belowMode } from '../seal/stub-mode.ts'
import { stubEntry, typeOf } from './head-objects.ts'

const IS_ROOT = process.getuid?.() === 0
const OWNER_ALL = 0o700
const OWNER_READ_WRITE = 0o600
/** What a stub says that a crash left half written. */
const UNREADABLE: ReadonlySet<ErrorKind> = new Set(['corrupt', 'wrong-key', 'stale'])

export interface Making {
  readonly keys: Keys
  /** Something of the tree may be there already. */
  readonly isContinued: boolean
  /** Hears of an attribute that this disk or this user cannot keep. */
  readonly onLeftOut: (path: ByteString, why: DfsError) => void
}

/** The name that an object has on the disk below. */
export function storedNameOf({ kind, path }: HeadEntry): ByteString {
  return kind === 'file' ? storedNameOfFile(lastName(path)) : storedNameOfOther(lastName(path))
}

/** Makes anything but a directory. */
export function makeObject(dirFd: number, entry: HeadEntry, making: Making): void {
  const stored = storedNameOf(entry)
  if (entry.kind === 'file') makeFile(dirFd, stored, entry, making)
  else if (entry.kind === 'symlink') makeSymlink(dirFd, stored, entry, making)
  else if (entry.kind === 'fifo') makeFifo(dirFd, stored, entry, making)
}

/** Gives an object that is open (O_PATH) one more name. */
export function makeLink(dirFd: number, entry: HeadEntry, objectFd: number, { isContinued }: Making): void {
  const stored = storedNameOf(entry)
  const there = isContinued ? statAt(dirFd, stored) : undefined
  if (there !== undefined) {
    if (there.ino === statFd(objectFd).ino) return
    unlinkAt(dirFd, stored)
  }
  linkFd(objectFd, dirFd, stored)
}

/** Makes a directory that its owner can work in, and opens it; `finishDirectory` gives it its attributes. */
export function makeDirectory(dirFd: number, entry: HeadEntry, { isContinued }: Making): number {
  const stored = storedNameOf(entry)
  if (isContinued && statAt(dirFd, stored) !== undefined) chmodAt(dirFd, stored, OWNER_ALL)
  else makeDirectoryAt(dirFd, stored, OWNER_ALL)
  return openAt(dirFd, stored, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
}

/** To be called once all is made that is in it. */
export function finishDirectory(fd: number, entry: PlainEntry, making: Making): void {
  setOwner(entry, (uid, gid) => chownFd(fd, uid, gid))
  setXattrs(entry, making, (name, value) => setXattrFd(fd, name, value))
  chmodFd(fd, entry.mode)
  utimesFd(fd, 'keep', entry.mtimeNs)
}

function makeFile(dirFd: number, stored: ByteString, entry: FileEntry, making: Making): void {
  const { state } = entry
  const kept = making.isContinued ? openEqual(dirFd, stored, entry, making.keys) : undefined
  const fd = kept ?? openAt(dirFd, stored, O.CREAT | O.EXCL | O.RDWR, OWNER_READ_WRITE)
  try {
    if (kept === undefined && state.sequence > 0) writeStub(fd, state, undefined, making.keys)
    setOwner(entry, (uid, gid) => chownFd(fd, uid, gid))
    setXattrs(entry, making, (name, value) => setXattrFd(fd, name, value))
    chmodFd(fd, belowMode(state.meta.mode))
    if (state.sequence === 0) utimesFd(fd, 'keep', state.meta.mtimeNs)
  } finally {
    closeFd(fd)
  }
}

/** The stub if it is there and says what the entry says; else it is gone. */
function openEqual(dirFd: number, stored: ByteString, entry: FileEntry, keys: Keys): number | undefined {
  const fd = tryOpenAt(dirFd, stored, O.RDWR | O.NOFOLLOW | O.NONBLOCK)
  if (fd === undefined || saysTheSame(fd, entry, keys)) return fd
  closeFd(fd)
  unlinkAt(dirFd, stored)
  return undefined
}

function saysTheSame(fd: number, { path, state }: FileEntry, keys: Keys): boolean {
  const stat = statFd(fd)
  if (state.sequence === 0) return typeOf(stat) === 'file' && stat.size === 0
  try {
    const found = stubEntry({ fd, stat, path, keys }, () => undefined)
    if (found?.kind !== 'file' || found.state.sequence !== state.sequence) return false
    return encodeSlotPlain(found.state).equals(encodeSlotPlain(state))
  } catch (error) {
    if (UNREADABLE.has(kindOf(error))) return false
    throw error
  }
}

function makeSymlink(dirFd: number, stored: ByteString, entry: SymlinkEntry, { isContinued }: Making): void {
  const there = isContinued ? statAt(dirFd, stored) : undefined
  const isEqual = there !== undefined && typeOf(there) === 'symlink' && readLinkAt(dirFd, stored) === entry.target
  if (there !== undefined && !isEqual) unlinkAt(dirFd, stored)
  if (!isEqual) symlinkAt(entry.target, dirFd, stored)
  setOwner(entry, (uid, gid) => chownAt(dirFd, stored, uid, gid))
  utimesAt(dirFd, stored, 'keep', entry.mtimeNs)
}

function makeFifo(dirFd: number, stored: ByteString, entry: PlainEntry, making: Making): void {
  const there = making.isContinued ? statAt(dirFd, stored) : undefined
  const isEqual = there !== undefined && typeOf(there) === 'fifo'
  if (there !== undefined && !isEqual) unlinkAt(dirFd, stored)
  if (!isEqual) makeNodeAt(dirFd, stored, MODE.FIFO | OWNER_READ_WRITE, 0)
  setOwner(entry, (uid, gid) => chownAt(dirFd, stored, uid, gid))
  setXattrs(entry, making, (name, value) => setXattrAt(dirFd, stored, name, value))
  chmodAt(dirFd, stored, entry.mode)
  utimesAt(dirFd, stored, 'keep', entry.mtimeNs)
}

/** Only root may give objects away: for anybody else all is their own. */
function setOwner({ uid, gid }: HeadEntry, chown: (uid: number, gid: number) => void): void {
  if (IS_ROOT) chown(uid, gid)
}

function setXattrs(
  { path, xattrs = [] }: HeadEntry,
  { onLeftOut }: Making,
  set: (name: ByteString, value: Buffer) => void,
): void {
  for (const { name, value } of xattrs) {
    if (!isCarried(name)) continue
    try {
      set(name, value)
    } catch (error) {
      if (!(error instanceof DfsError) || !CANNOT_BE_KEPT.has(error.kind)) throw error
      onLeftOut(path, error)
    }
  }
}
