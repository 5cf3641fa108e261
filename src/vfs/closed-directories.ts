/**
 * Directories that their owner, who is not root, keeps himself out of.
 *
 * What was written before is stored in them all the same, and what another device, which had leave to, has changed there is
 * done here too: as root would do it. They are opened for one step, and whoever looks before or after it finds them as they were.
 */
import { kindOf } from '../errors.ts'
import { chmodFd } from '../posix/attributes.ts'
import { MODE } from '../posix/stat.ts'
import type { Inode } from './inode-table.ts'
import type { StubTree } from './stub-tree.ts'

const IS_ROOT = process.getuid?.() === 0
const OWNER_SEARCHES = 0o100
const OWNER_WRITES = 0o300

/** Does what changes names in these directories. A crash within it leaves their owner leave to do so. */
export function whileWritable<T>(tree: StubTree, directories: readonly Inode[], work: () => T): T {
  if (IS_ROOT) return work()
  const wanted = directories.map((inode) => [inode, OWNER_WRITES] as const)
  return whileReachable(tree, directories.at(-1), () => whileOpen(tree, wanted, work))
}

/** Does what needs the way to an object; what is closed of it is opened if that fails for want of leave. */
export function whileReachable<T>(tree: StubTree, object: Inode | undefined, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (IS_ROOT || object === undefined || kindOf(error) !== 'no-permission') throw error
    const wanted = wayTo(object).map((inode) => [inode, OWNER_SEARCHES] as const)
    return whileOpen(tree, wanted, work)
  }
}

/** Each directory is reached through those before it. */
function whileOpen<T>(tree: StubTree, wanted: readonly (readonly [Inode, number])[], work: () => T): T {
  const opened: { inode: Inode; mode: number }[] = []
  try {
    for (const [inode, bits] of wanted) {
      const mode = tree.stat(inode).mode & ~MODE.FORMAT
      if ((mode & bits) === bits) continue
      chmodFd(tree.directoryFd(inode), mode | bits)
      opened.unshift({ inode, mode })
    }
    return work()
  } finally {
    for (const { inode, mode } of opened) chmodFd(tree.directoryFd(inode), mode)
  }
}

/** The directories that an object is in, the outermost first. */
function wayTo(object: Inode): Inode[] {
  const way: Inode[] = []
  for (let at = object; at.places.length > 0; at = at.place.parent) way.unshift(at.place.parent)
  return way
}
