/** The lock of a folder: one process at a time has it open, whatever home it serves. */
import { DfsError } from '../errors.ts'
import { RESERVED_NAME } from '../format/stored-name.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { tryLockFile } from '../posix/lock.ts'

const LOCK_NAME = 'lock'

/** Returns what unlocks it. Fails with `locked` if another process has it. */
export function lockFolder(rootFd: number, folder: string): () => void {
  const fd = openAt(rootFd, `${RESERVED_NAME}/${LOCK_NAME}`, O.CREAT | O.RDWR | O.NOFOLLOW, 0o600)
  if (!tryLockFile(fd)) {
    closeFd(fd)
    throw new DfsError('locked', 'another dfs has this folder open', {
      op: 'open folder',
      subject: folder,
      mend: 'unmount it there first',
    })
  }
  return () => closeFd(fd)
}
