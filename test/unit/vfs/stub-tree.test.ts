import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { it } from 'node:test'
import { lookupIn } from './lookup-in.ts'
import { TestFolder } from './support.ts'

const openFiles = () => readdirSync('/proc/self/fd').length

it('a directory that nobody names any more keeps no descriptor', async () => {
  await using folder = await TestFolder.open()
  const { filesystem, services } = folder
  const root = services.table.root.ino
  for (let i = 0; i < 30; i++) {
    mkdirSync(path.join(folder.path, `d${i}`))
    writeFileSync(path.join(folder.path, `d${i}`, 'plain'), 'x')
  }
  const before = openFiles()
  for (let i = 0; i < 30; i++) {
    const directory = lookupIn(filesystem, root, `d${i}`)!
    const file = lookupIn(filesystem, directory.ino, 'plain')!
    assert.ok(openFiles() > before)
    filesystem.forget(file.ino, 1)
    filesystem.forget(directory.ino, 1)
    assert.equal(openFiles(), before)
  }
})
