import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { FolderRegistry } from '../../../src/daemon/folder-registry.ts'
import { temporaryDirectory } from './temporary.ts'

const A = 'a'.repeat(32)
const B = 'b'.repeat(32)
const fileIn = (directory: string) => path.join(directory, 'folders.json')

test('folders are there again when the registry is opened anew', async (t) => {
  const file = fileIn(temporaryDirectory(t))
  const registry = FolderRegistry.open(file)
  await Promise.all([registry.set(A, '/one'), registry.set(B, '/two')])
  assert.deepEqual(FolderRegistry.open(file).list(), [
    { id: A, path: '/one' },
    { id: B, path: '/two' },
  ])
})

test('a folder that moved keeps its id, and a path stands once', async (t) => {
  const registry = FolderRegistry.open(fileIn(temporaryDirectory(t)))
  await registry.set(A, '/one')
  await registry.set(A, '/moved')
  assert.deepEqual(registry.list(), [{ id: A, path: '/moved' }])
  await registry.set(B, '/moved')
  assert.deepEqual(registry.list(), [{ id: B, path: '/moved' }])
})

test('of which folders all content is to be here is known again, and forgotten with the folder', async (t) => {
  const file = fileIn(temporaryDirectory(t))
  const registry = FolderRegistry.open(file)
  await registry.set(A, '/one')
  await registry.setEager(A, true)
  const again = FolderRegistry.open(file)
  assert.deepEqual([again.isEager(A), again.isEager(B)], [true, false])
  await again.set(B, '/one')
  assert.deepEqual([again.isEager(A), FolderRegistry.open(file).isEager(A)], [false, false])
})

test('a damaged registry is refused and left as it is', (t) => {
  const file = fileIn(temporaryDirectory(t))
  for (const text of ['', '{}', '{"format":1,"folders":{"x":"/one"}}', `{"format":1,"folders":{"${A}":"relative"}}`]) {
    writeFileSync(file, text)
    assert.throws(() => FolderRegistry.open(file), { kind: 'corrupt' }, text)
    assert.equal(readFileSync(file, 'utf8'), text)
  }
})

test('a registry of a newer dfs is refused', (t) => {
  const file = fileIn(temporaryDirectory(t))
  writeFileSync(file, '{"format":2}')
  assert.throws(() => FolderRegistry.open(file), { kind: 'newer-version' })
})
