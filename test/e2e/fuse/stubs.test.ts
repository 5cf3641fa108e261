/** What is left in the folder when nothing is mounted over it. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fuse } from '../../support/requirements.ts'
import { DfsSystem } from '../../support/systems/dfs.ts'
import { assertContent, noise } from '../support/files.ts'
import { newPlace } from '../support/place.ts'

const skip = fuse()

test('after unmounting a folder holds stubs for files, and everything else as it is', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.mkdirSync(join(system.root, 'docs'))
  fs.writeFileSync(join(system.root, 'docs', 'large.bin'), noise(1_000_000))
  fs.writeFileSync(join(system.root, 'small.txt'), 'a secret')
  fs.symlinkSync('small.txt', join(system.root, 'link'))
  await system.unmount()
  assert.deepEqual(visible(system.root), ['docs', 'docs/large.bin.f', 'link', 'small.txt.f'])
  for (const stub of ['docs/large.bin.f', 'small.txt.f']) {
    const bytes = fs.readFileSync(join(system.root, stub))
    assert(bytes.length <= 16_384, 'a stub is tiny')
    assert.match(bytes.toString('latin1', 0, 256).split('\n')[0]!, /dfs/, 'its first line says what it is')
  }
})

test('a folder mounts again and again, and while unmounted its stubs do not change', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.writeFileSync(join(system.root, 'file'), noise(100_000))
  await system.unmount()
  const stub = join(system.root, 'file.f')
  const before = { bytes: fs.readFileSync(stub), stats: fs.statSync(stub, { bigint: true }) }
  for (let round = 0; round < 2; round++) {
    await system.mount()
    assertContent(join(system.root, 'file'), noise(100_000))
    await system.unmount()
  }
  assert(fs.readFileSync(stub).equals(before.bytes))
  const { ino, ctimeNs } = fs.statSync(stub, { bigint: true })
  assert.deepEqual({ ino, ctimeNs }, { ino: before.stats.ino, ctimeNs: before.stats.ctimeNs })
})

test('a stub renamed or copied while unmounted is the file under its new name', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.writeFileSync(join(system.root, 'old'), noise(100_000))
  await system.unmount()
  fs.renameSync(join(system.root, 'old.f'), join(system.root, 'new.f'))
  fs.copyFileSync(join(system.root, 'new.f'), join(system.root, 'copy.f'))
  await system.mount()
  assert.deepEqual(fs.readdirSync(system.root).toSorted(), ['copy', 'new'])
  assertContent(join(system.root, 'new'), noise(100_000))
  assertContent(join(system.root, 'copy'), noise(100_000))
  fs.appendFileSync(join(system.root, 'copy'), 'more')
  assertContent(join(system.root, 'new'), noise(100_000))
  await system.unmount()
})

test('an edit keeps the inode of the stub and its hard links', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.writeFileSync(join(system.root, 'a'), 'first')
  fs.linkSync(join(system.root, 'a'), join(system.root, 'b'))
  await system.unmount()
  const { ino } = fs.statSync(join(system.root, 'a.f'))
  await system.mount()
  fs.writeFileSync(join(system.root, 'a'), noise(200_000))
  await system.unmount()
  assert.equal(fs.statSync(join(system.root, 'a.f')).ino, ino)
  assert.equal(fs.statSync(join(system.root, 'b.f')).ino, ino)
})

test('an empty .f file is an empty file', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  fs.writeFileSync(join(system.root, 'nothing.f'), '')
  await system.mount()
  assert.deepEqual(fs.readdirSync(system.root), ['nothing'])
  assertContent(join(system.root, 'nothing'), '')
  fs.writeFileSync(join(system.root, 'nothing'), 'something')
  await system.unmount()
  await system.mount()
  assertContent(join(system.root, 'nothing'), 'something')
  await system.unmount()
})

test('the folder keeps its own things out of sight', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  assert.deepEqual(fs.readdirSync(system.root), [])
  assert(fs.statSync(join(system.root, '.dfs')).isDirectory())
  fs.mkdirSync(join(system.root, 'sub', '.dfs'), { recursive: true })
  assert.deepEqual(fs.readdirSync(join(system.root, 'sub')), ['.dfs'])
  await system.unmount()
})

/** Paths in the folder, but for dfs's own. */
function visible(root: string): string[] {
  const names = fs.readdirSync(root, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name !== '.dfs' && !name.startsWith('.dfs/')).toSorted()
}
