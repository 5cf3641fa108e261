/**
 * What `stat` shows: a stub's mode, size and times from the file it stands for, everything else from the object below.
 */
import { MODE, type Stat } from '../posix/stat.ts'
import type { Inode } from './inode-table.ts'
import type { Attributes } from './operations.ts'

const BLOCK_BYTES = 512

export function attributesOf(inode: Inode, stat: Stat): Attributes {
  const { ino, statIno, file } = inode
  const { nlink, uid, gid, rdev, atimeNs } = stat
  if (file === undefined) {
    const { mode, size, blocks, mtimeNs, ctimeNs } = stat
    return { ino, statIno, mode, nlink, uid, gid, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs }
  }
  const { size, mtimeNs, ctimeNs, allocatedBytes } = file
  const mode = MODE.REGULAR | file.mode
  const blocks = Math.ceil(Math.min(size, allocatedBytes + (file.content?.newBytes ?? 0)) / BLOCK_BYTES)
  return { ino, statIno, mode, nlink, uid, gid, rdev: 0, size, blocks, atimeNs, mtimeNs, ctimeNs }
}
