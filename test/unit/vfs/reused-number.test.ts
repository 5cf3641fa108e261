/**
 * The disk gives the inode number of what is gone to something else, maybe within one tick of the clock that births are
 * told by: so nothing may be taken for what is gone, although the kernel still names that.
 */
import assert from 'node:assert/strict'
import { lstatSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import type { Ino } from '../../../src/dfs.ts'
import type { CommitRecord, JournalRecord } from '../../../src/format/journal-record.ts'
import { O } from '../../../src/posix/files.ts'
import { gatherFiles } from '../../../src/vfs/journaled-files.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { CALLER, TestFolder } from './support.ts'

/** Whatever has the same identity below is something else. */
async function assertForgotten(
  make: (folder: TestFolder) => Promise<{ ino: Ino; stored: string }>,
  remove: (folder: TestFolder) => unknown,
): Promise<void> {
  await using folder = await TestFolder.open()
  const { ino, stored } = await make(folder)
  const { table } = folder.services
  const { dev, ino: number, birthtimeNs } = lstatSync(path.join(folder.path, stored), { bigint: true })
  const identity = { dev: Number(dev), ino: Number(number), btimeNs: birthtimeNs }
  assert.equal(table.peek(identity)?.ino, ino)
  await remove(folder)
  assert.equal(table.peek(identity), undefined)
  assert.equal(table.get(ino).ino, ino, 'the kernel has not forgotten it')
}

async function makeFile({ filesystem }: TestFolder, name = 'one') {
  const { attributes, handle } = await filesystem.create(ROOT_INO, name, 0o644, O.RDWR, CALLER)
  filesystem.release(handle)
  return { ino: attributes.ino, stored: `${name}.f` }
}

describe('what is gone is not taken for what has its number', () => {
  test('a file that was removed', () =>
    assertForgotten(makeFile, ({ filesystem }) => filesystem.unlink(ROOT_INO, 'one')))

  test('a file that was replaced', () =>
    assertForgotten(makeFile, async (folder) => {
      await makeFile(folder, 'other')
      await folder.filesystem.rename(ROOT_INO, 'other', ROOT_INO, 'one')
    }))

  test('a directory', () =>
    assertForgotten(
      async ({ filesystem }) => ({ ino: filesystem.mkdir(ROOT_INO, 'one', 0o755, CALLER).ino, stored: 'one' }),
      ({ filesystem }) => filesystem.rmdir(ROOT_INO, 'one'),
    ))

  test('a directory that was replaced', () =>
    assertForgotten(
      async ({ filesystem }) => ({ ino: filesystem.mkdir(ROOT_INO, 'one', 0o755, CALLER).ino, stored: 'one' }),
      async ({ filesystem }) => {
        filesystem.mkdir(ROOT_INO, 'other', 0o755, CALLER)
        await filesystem.rename(ROOT_INO, 'other', ROOT_INO, 'one')
      },
    ))

  test('a symbolic link', () =>
    assertForgotten(
      async ({ filesystem }) => ({ ino: filesystem.symlink(ROOT_INO, 'one', 'target', CALLER).ino, stored: 'one' }),
      ({ filesystem }) => filesystem.unlink(ROOT_INO, 'one'),
    ))

  test('a file in the journal', () => {
    const meta = { mode: 0o644, size: 0, mtimeNs: 0n, ctimeNs: 0n }
    const commit = (id: number, path: string): CommitRecord => ({
      kind: 'commit',
      place: { ino: 7, btimeNs: 8n, path },
      fileId: Buffer.alloc(16, id),
      baseSequence: 0,
      sequence: 1,
      keepBytes: 0,
      meta,
      chunks: [],
      patches: [],
    })
    const removed: JournalRecord = { kind: 'remove', place: { ino: 7, btimeNs: 8n, path: 'one.f' } }
    const files = gatherFiles([commit(1, 'one.f'), removed, commit(2, 'two.f')])
    assert.deepEqual(
      files.map(({ path: at, paths, commits }) => [at, [...paths], commits.map(({ fileId }) => fileId[0])]),
      [['two.f', ['two.f'], [2]]],
    )
  })
})
