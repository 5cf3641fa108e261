import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { HeldInodes } from '../../../src/fuse/fuse-native/held-inodes.ts'
import { PathCache } from '../../../src/fuse/fuse-native/path-cache.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { MemoryFilesystem } from '../../e2e/support/memory-filesystem.ts'

const CALLER = { uid: 0, gid: 0, pid: 0 }
let filesystem: MemoryFilesystem

/** A cache over a file system with the directories /a, /a/b and /a/b/c. */
function newCache(entriesMax = 100): PathCache {
  const cache = new PathCache(filesystem, new HeldInodes(filesystem), entriesMax)
  let parent = ROOT_INO
  for (const path of ['/a', '/a/b', '/a/b/c']) {
    const { ino } = filesystem.mkdir(parent, path.at(-1)!, 0o755, CALLER)
    cache.add(path, ino)
    parent = ino
  }
  return cache
}

beforeEach(() => {
  filesystem = new MemoryFilesystem()
})

test('every lookup is given back in the end', () => {
  const cache = newCache()
  for (let round = 0; round < 3; round++) cache.lookup('/a/b/c')
  cache.resolve('/a/b')
  assert.deepEqual(filesystem.outstanding, { inodes: 3, handles: 0 })
  cache.clear()
  assert.deepEqual(filesystem.outstanding, { inodes: 0, handles: 0 })
})

test('a directory that moves takes along what is below it', async () => {
  const cache = newCache()
  const before = await cache.resolve('/a/b/c')
  const { ino } = filesystem.lookup(ROOT_INO, 'a')!
  filesystem.rename(ino, 'b', ROOT_INO, 'moved')
  filesystem.forget(ino, 1)
  cache.move('/a/b', '/moved')
  assert.equal(await cache.resolve('/moved/c'), before)
  assert.equal(await cache.lookup('/a/b'), undefined)
})

test('a name under which something else stands now leads there', async () => {
  const cache = newCache()
  const old = await cache.resolve('/a')
  filesystem.rename(ROOT_INO, 'a', ROOT_INO, 'elsewhere')
  const made = filesystem.mkdir(ROOT_INO, 'a', 0o755, CALLER)
  filesystem.forget(made.ino, 1)
  assert.equal((await cache.lookup('/a'))?.ino, made.ino)
  assert.equal(await cache.resolve('/a'), made.ino)
  assert.equal(await cache.lookup('/a/b'), undefined)
  assert.equal(await cache.resolve('/elsewhere'), old)
})

test('the least recently used names go first, and never below a name that stays', async () => {
  const cache = newCache(3)
  filesystem.forget(filesystem.mkdir(ROOT_INO, 'new', 0o755, CALLER).ino, 1)
  await cache.resolve('/a/b')
  await cache.resolve('/new')
  assert.equal(cache.size, 3)
  assert.deepEqual(filesystem.outstanding, { inodes: 3, handles: 0 })
  await cache.resolve('/a/b/c')
  cache.clear()
  assert.deepEqual(filesystem.outstanding, { inodes: 0, handles: 0 })
})

test('what is not there fails with not-found, what is too long with name-too-long', () => {
  const cache = newCache()
  assert.equal(cache.lookup('/a/none'), undefined)
  assert.throws(() => cache.resolve('/a/none/below'), { kind: 'not-found' })
  assert.throws(() => cache.resolve(`/${'x'.repeat(256)}`), { kind: 'name-too-long' })
})
