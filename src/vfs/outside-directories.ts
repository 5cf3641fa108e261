/** Directories in `.dfs` for changes that come from elsewhere: what is about to come into sight, and what is out of it for a moment. */
import type { ByteString } from '../dfs.ts'
import { RESERVED_NAME } from '../format/stored-name.ts'
import { makeDirectoryAt } from '../posix/names.ts'
import { statAt } from '../posix/stat.ts'
import { IncomingStubs } from './incoming-stubs.ts'
import type { Inode } from './inode-table.ts'
import type { Services } from './services.ts'

const INCOMING = 'incoming'
const PARKED = 'parked'
const OWNER_ALL = 0o700

export interface OutsideDirectories {
  readonly incoming: Inode
  readonly parked: Inode
  readonly stubs: IncomingStubs
}

/** Made where they are missing; what a crash left in the first is gone. */
export function openOutsideDirectories(services: Services): OutsideDirectories {
  const incoming = directoryIn(services, INCOMING)
  const parked = directoryIn(services, PARKED)
  return { incoming, parked, stubs: new IncomingStubs(services, () => services.tree.directoryFd(incoming)) }
}

function directoryIn({ table, tree }: Services, name: ByteString): Inode {
  const parent = table.intern(statAt(tree.rootFd, RESERVED_NAME)!, 'directory', table.root, RESERVED_NAME)
  const fd = tree.directoryFd(parent)
  if (statAt(fd, name) === undefined) makeDirectoryAt(fd, name, OWNER_ALL)
  const directory = table.intern(statAt(fd, name)!, 'directory', parent, name)
  // Never forgotten: things are looked up below it.
  directory.lookups++
  return directory
}
