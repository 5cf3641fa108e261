/** Lookups in tests that wait for nothing. */
import assert from 'node:assert'
import type { ByteString, Ino } from '../../../src/dfs.ts'
import type { Filesystem } from '../../../src/vfs/filesystem.ts'
import type { Attributes } from '../../../src/vfs/operations.ts'

/** What a name in a directory of the disk stands for: that is found at once. */
export function lookupIn(filesystem: Filesystem, parent: Ino, name: ByteString): Attributes | undefined {
  const found = filesystem.lookup(parent, name)
  assert(!(found instanceof Promise), 'a lookup on the disk waits for nothing')
  return found
}
