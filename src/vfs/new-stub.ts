/** Making the stub of a new, empty file: whose it is, and what its directory hands down. */
import type { ByteString } from '../dfs.ts'
import { chmodFd, chownFd } from '../posix/attributes.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { MODE, type Stat, statFd } from '../posix/stat.ts'
import { belowMode } from '../seal/stub-mode.ts'
import type { Caller } from './operations.ts'

export interface NewStub {
  /** The caller closes it. */
  readonly fd: number
  readonly stat: Stat
  /** Permission bits of the file. */
  readonly mode: number
}

const OWNER_READ_WRITE = 0o600
const SETGID = 0o2000
const IS_ROOT = process.getuid?.() === 0

/** Makes it below a directory; without a `name` one that has none. Fails with `exists`, `unsupported` where all files have names. */
export function makeStub(dirFd: number, name: ByteString | undefined, asked: number, caller: Caller): NewStub {
  const making = name === undefined ? O.TMPFILE : O.CREAT | O.EXCL
  const fd = openAt(dirFd, name ?? '.', making | O.RDWR, IS_ROOT ? asked : asked | OWNER_READ_WRITE)
  try {
    const owner = ownerOfNew(caller, dirFd)
    if (owner !== undefined) chownFd(fd, owner.uid, owner.gid)
    const stat = statFd(fd)
    // A list that the directory hands down takes rights away, from the stub too.
    const mode = asked & (stat.mode | ~MODE.ACCESS)
    if (IS_ROOT || (stat.mode & OWNER_READ_WRITE) === OWNER_READ_WRITE) return { fd, stat, mode }
    chmodFd(fd, belowMode(stat.mode))
    return { fd, stat: statFd(fd), mode }
  } catch (error) {
    closeFd(fd)
    throw error
  }
}

/** New objects belong to who made them; the group (then -1) of a setgid directory was set by the disk below. */
export function ownerOfNew({ uid, gid }: Caller, dirFd: number): { uid: number; gid: number } | undefined {
  if (!IS_ROOT || (uid === 0 && gid === 0)) return undefined
  const parentHasSetgid = (statFd(dirFd).mode & SETGID) !== 0
  return { uid, gid: parentHasSetgid ? -1 : gid }
}
