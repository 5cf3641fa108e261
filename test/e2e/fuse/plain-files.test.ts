/** Ordinary files that are in the folder already when it is mounted. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fuse } from '../../support/requirements.ts'
import { DfsSystem } from '../../support/systems/dfs.ts'
import { assertContent, noise, withFile } from '../support/files.ts'
import { newPlace } from '../support/place.ts'

const skip = fuse()

test('plain files are shown beside stubs, read and written', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.writeFileSync(join(system.root, 'stored'), 'in the store')
  await system.unmount()
  fs.writeFileSync(join(system.root, 'plain'), noise(100_000))
  await system.mount()
  assert.deepEqual(fs.readdirSync(system.root).toSorted(), ['plain', 'stored'])
  assertContent(join(system.root, 'plain'), noise(100_000))
  assert.equal(fs.statSync(join(system.root, 'plain')).size, 100_000)
  withFile(join(system.root, 'plain'), 'r+', (fd) => fs.writeSync(fd, 'changed', 50_000))
  const changed = noise(100_000)
  changed.write('changed', 50_000)
  assertContent(join(system.root, 'plain'), changed)
  await system.unmount()
  await system.mount()
  assertContent(join(system.root, 'plain'), changed)
  await system.unmount()
})

test('a plain Fortran source keeps its name, and its program can be made beside it', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  fs.writeFileSync(join(system.root, 'prog.f'), '      PROGRAM PROG\n')
  await system.mount()
  assert.deepEqual(fs.readdirSync(system.root), ['prog.f'])
  assertContent(join(system.root, 'prog.f'), '      PROGRAM PROG\n')
  fs.writeFileSync(join(system.root, 'prog'), 'the program')
  assert.deepEqual(fs.readdirSync(system.root).toSorted(), ['prog', 'prog.f'])
  await system.unmount()
  await system.mount()
  assertContent(join(system.root, 'prog.f'), '      PROGRAM PROG\n')
  assertContent(join(system.root, 'prog'), 'the program')
  await system.unmount()
})

test('a plain file beside its own stub: equal content is one file, other content a second one', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  for (const name of ['same', 'other']) fs.writeFileSync(join(system.root, name), `stored as ${name}`)
  await system.unmount()
  fs.writeFileSync(join(system.root, 'same'), 'stored as same')
  fs.writeFileSync(join(system.root, 'other'), 'written past dfs')
  await system.mount()
  const names = fs.readdirSync(system.root)
  assert.equal(names.filter((name) => name === 'same').length, 1)
  assertContent(join(system.root, 'same'), 'stored as same')
  const contents = names.map((name) => fs.readFileSync(join(system.root, name), 'utf8'))
  for (const content of ['stored as same', 'stored as other', 'written past dfs'])
    assert(contents.includes(content), content)
  await system.unmount()
})

test('dfs mount --adopt makes stubs of plain files, with their modes and times', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  const path = join(system.root, 'sub', 'plain')
  fs.mkdirSync(join(system.root, 'sub'))
  fs.writeFileSync(path, noise(200_000), { mode: 0o640 })
  fs.utimesSync(path, 1_000_000, 1_000_000)
  const { code, stderr } = await system.command(['mount', system.root, '--adopt'])
  assert.equal(code, 0, stderr)
  await system.unmount()
  assert(!fs.existsSync(path))
  assert(fs.existsSync(`${path}.f`))
  await system.mount()
  assertContent(path, noise(200_000))
  assert.equal(fs.statSync(path).mode & 0o7777, 0o640)
  assert.equal(fs.statSync(path).mtimeMs, 1e9)
  await system.unmount()
})
