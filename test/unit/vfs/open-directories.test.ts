/** Directories that are read to look their entries up. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { O } from '../../../src/posix/files.ts'
import { type Attributes, type Lookup, ROOT_INO } from '../../../src/vfs/operations.ts'
import { CALLER, TestFolder } from './support.ts'

/** Files of these names, which nobody has looked up. */
async function makeFiles({ filesystem }: TestFolder, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { attributes, handle } = await filesystem.create(ROOT_INO, name, 0o644, O.RDWR, CALLER)
    filesystem.release(handle)
    filesystem.forget(attributes.ino, 1)
  }
}

/** What a listing of the root has `lookup` find, by name. */
async function lookUpAll({ filesystem }: TestFolder): Promise<Map<string, Attributes | undefined>> {
  const handle = filesystem.opendir(ROOT_INO)
  const found = new Map<string, Attributes | undefined>()
  await filesystem.readdirplus(handle, async (entries, lookup) => {
    for (const { name } of entries.slice(2)) found.set(name, await lookup(name))
  })
  filesystem.releasedir(handle)
  return found
}

async function attributesOf({ filesystem }: TestFolder, name: string): Promise<Attributes | undefined> {
  return filesystem.lookup(ROOT_INO, name)
}

describe('reading a directory to look its entries up', () => {
  for (const count of [3, 200]) {
    test(`finds what a lookup finds, of ${count} files`, async () => {
      await using folder = await TestFolder.open()
      const names = Array.from({ length: count }, (_, index) => `file ${index}`)
      await makeFiles(folder, names)
      await folder.filesystem.mkdir(ROOT_INO, 'directory', 0o755, CALLER)
      const found = await lookUpAll(folder)
      assert.deepEqual([...found.keys()].sort(), ['directory', ...names].sort())
      for (const [name, attributes] of found) assert.deepEqual(attributes, await attributesOf(folder, name))
    })
  }

  test('shows what has changed once others had a turn', async () => {
    await using folder = await TestFolder.open()
    const { filesystem } = folder
    await makeFiles(folder, ['changed', 'removed'])
    const handle = filesystem.opendir(ROOT_INO)
    const later: Lookup = await filesystem.readdirplus(handle, (_, lookup) => Promise.resolve(lookup))
    const { ino } = (await attributesOf(folder, 'changed'))!
    await filesystem.setattr(ino, { mode: 0o600 })
    filesystem.unlink(ROOT_INO, 'removed')
    assert.deepEqual(await later('changed'), await attributesOf(folder, 'changed'))
    assert.equal(await later('removed'), undefined)
    filesystem.releasedir(handle)
  })
})
