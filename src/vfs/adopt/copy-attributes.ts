/**
 * Gives a new stub what of a file's attributes is kept in the object below: owner, permissions, extended attributes,
 * and the time it was last read.
 */
import { ACL } from '../../posix/acl.ts'
import { chmodFd, chownFd, utimesFd } from '../../posix/attributes.ts'
import { type Stat, statFd } from '../../posix/stat.ts'
import { getXattrFd, listXattrsFd, removeXattrFd, setXattrFd } from '../../posix/xattrs.ts'
import { belowMode } from '../../seal/stub-mode.ts'

const IS_ROOT = process.getuid?.() === 0

/** `stat` is that of the original. Fails with what the system says to an attribute that cannot be kept. */
export function copyAttributes(originalFd: number, stat: Stat, stubFd: number): void {
  const made = statFd(stubFd)
  if (made.uid !== stat.uid || made.gid !== stat.gid) chownFd(stubFd, stat.uid, stat.gid)
  copyXattrs(originalFd, stubFd)
  chmodFd(stubFd, belowMode(stat.mode))
  utimesFd(stubFd, stat.atimeNs, 'keep')
}

function copyXattrs(originalFd: number, stubFd: number): void {
  const names = listXattrsFd(originalFd)
  for (const name of names) {
    // Labels and capabilities are the system's to give; only root may.
    if (name.startsWith('security.') && !IS_ROOT) continue
    const value = getXattrFd(originalFd, name)
    if (value !== undefined) setXattrFd(stubFd, name, value)
  }
  // What the directory it was made in hands down does not belong to it.
  if (!names.includes(ACL.ACCESS) && listXattrsFd(stubFd).includes(ACL.ACCESS)) removeXattrFd(stubFd, ACL.ACCESS)
}
