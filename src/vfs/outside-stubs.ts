/**
 * Stubs and attributes that are written below, as another device has them.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import type { SyncAttributes } from '../format/sync-entry.ts'
import { chmodAt, chmodFd, chownAt, chownFd } from '../posix/attributes.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { unlinkAt } from '../posix/names.ts'
import { CANNOT_BE_KEPT, listXattrsAt, removeXattrAt, setXattrAt, setXattrFd } from '../posix/xattrs.ts'
import { isCarried } from '../seal/carried-xattrs.ts'
import type { Keys } from '../seal/keys.ts'
import { writeStub } from '../seal/stub-io.ts'
import { belowMode } from '../seal/stub-mode.ts'
import { nowNs } from './clock.ts'
import type { OutsideState } from './outside-objects.ts'

/** Only root may give objects away: for anybody else all is their own. */
export const SETS_OWNERS = process.getuid?.() === 0

const OWNER_READ_WRITE = 0o600

/** Writes a new stub; nothing is left of it if that fails. */
export function writeStubOf(
  { dirFd, stored }: { dirFd: number; stored: ByteString },
  { id, sequence, state }: { id: string; sequence: number; state: OutsideState },
  keys: Keys,
): void {
  const { content, mtimeNs, attributes } = state
  if (content.kind !== 'file') throw new DfsError('invalid', 'a file has the content of a file')
  const { mode, uid, gid, xattrs } = attributes
  const fd = openAt(dirFd, stored, O.CREAT | O.EXCL | O.RDWR, OWNER_READ_WRITE)
  try {
    const meta = { mode, size: content.size, mtimeNs, ctimeNs: nowNs() }
    writeStub(fd, { fileId: Buffer.from(id, 'hex'), sequence, meta, content: content.content }, undefined, keys)
    if (SETS_OWNERS) chownFd(fd, uid, gid)
    for (const { name, value } of xattrs) if (isCarried(name)) orLeaveOut(() => setXattrFd(fd, name, value))
    chmodFd(fd, belowMode(mode))
  } catch (error) {
    unlinkAt(dirFd, stored)
    throw error
  } finally {
    closeFd(fd)
  }
}

/** Of anything but a symbolic link. */
export function setAttributesAt(dirFd: number, stored: ByteString, attributes: SyncAttributes): void {
  setOwnerAt(dirFd, stored, attributes)
  const wanted = new Set(attributes.xattrs.map(({ name }) => name))
  orLeaveOut(() => {
    for (const name of listXattrsAt(dirFd, stored)) {
      if (isCarried(name) && !wanted.has(name)) orLeaveOut(() => removeXattrAt(dirFd, stored, name))
    }
  })
  for (const { name, value } of attributes.xattrs) {
    if (isCarried(name)) orLeaveOut(() => setXattrAt(dirFd, stored, name, value))
  }
  chmodAt(dirFd, stored, attributes.mode)
}

export function setOwnerAt(dirFd: number, stored: ByteString, { uid, gid }: Pick<SyncAttributes, 'uid' | 'gid'>): void {
  if (SETS_OWNERS) chownAt(dirFd, stored, uid, gid)
}

/** What this disk or this user cannot keep is left out. */
export function orLeaveOut(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!CANNOT_BE_KEPT.has(kindOf(error))) throw error
  }
}
