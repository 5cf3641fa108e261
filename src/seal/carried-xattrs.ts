/**
 * Extended attributes that go with an object from disk to disk.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { XATTRS_BYTES_MAX, type Xattr, xattrsBytes } from '../format/xattrs.ts'
import { ACL } from '../posix/acl.ts'

export type OnXattrsLeftOut = (path: ByteString, why: DfsError) => void

/** Whether an attribute goes with an object from disk to disk: labels and the like are the system's to give. */
export function isCarried(name: ByteString): boolean {
  if (name.startsWith('user.')) return !name.startsWith('user.dfs.')
  return name === ACL.ACCESS || name === ACL.DEFAULT || name === 'security.capability'
}

export interface XattrAccess {
  list(): ByteString[]
  get(name: ByteString): Buffer | undefined
}

export function readXattrs(
  path: ByteString,
  { list, get }: XattrAccess,
  onLeftOut: OnXattrsLeftOut,
): { xattrs?: readonly Xattr[] } {
  const xattrs: Xattr[] = []
  for (const name of tryList(list).filter(isCarried).sort()) {
    const value = get(name)
    if (value !== undefined) xattrs.push({ name, value })
  }
  if (xattrs.length === 0) return {}
  if (xattrsBytes(xattrs) <= XATTRS_BYTES_MAX) return { xattrs }
  onLeftOut(path, new DfsError('too-large', 'its extended attributes are too large for a head'))
  return {}
}

function tryList(list: () => ByteString[]): ByteString[] {
  try {
    return list()
  } catch (error) {
    if (kindOf(error) === 'unsupported') return []
    throw error
  }
}
