import assert from 'node:assert/strict'
import test from 'node:test'
import { walk } from '../../../src/daemon/inside.ts'
import type { Ino } from '../../../src/dfs.ts'
import { type Attributes, type FilesystemOperations, ROOT_INO } from '../../../src/vfs/operations.ts'

const DIRECTORY = 0o040755
const FILE = 0o100644
const attributesOf = (ino: number, mode: number) => ({ ino: ino as Ino, mode }) as Attributes

/** One directory with so many files, that answers at once, as one of which all is in memory does. */
function manyFiles(count: number): FilesystemOperations & { held: number } {
  const filesystem = {
    held: 0,
    opendir: () => 1,
    readdir: () => Array.from({ length: count }, (_, index) => ({ name: String(index), ino: index, type: 'file' })),
    releasedir: () => undefined,
    lookup: (_: Ino, name: string) => {
      filesystem.held++
      return attributesOf(2 + Number(name), FILE)
    },
    forget: () => void filesystem.held--,
  }
  return filesystem as unknown as FilesystemOperations & { held: number }
}

test('a walk yields all, gives back what it looked up, and gives others a turn', async () => {
  const filesystem = manyFiles(100_000)
  let turns = 0
  const count = setInterval(() => turns++, 0)
  let found = 0
  for await (const { path } of walk(filesystem, { path: '', attributes: attributesOf(ROOT_INO, DIRECTORY) })) {
    if (path !== '') found++
    assert.ok(filesystem.held <= 1)
  }
  clearInterval(count)
  assert.equal(found, 100_000)
  assert.equal(filesystem.held, 0)
  assert.ok(turns > 0, 'nobody else had a turn')
})
