import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import {
  checkDirectory,
  checkEmptyDirectory,
  checkFolderPath,
  checkMountpointPath,
} from '../../../src/daemon/folder-checks.ts'
import { PROJECT } from '../../e2e/support/second-user.ts'
import { temporaryDirectory } from './temporary.ts'

test('a folder may not hold what dfs itself needs, nor lie in the home', () => {
  const around = { home: '/h/home', others: [] }
  for (const folder of ['/h', '/h/home', '/h/home/x', '/', PROJECT, tmpdir()]) {
    assert.throws(() => checkFolderPath(folder, around), { kind: 'invalid', subject: folder }, folder)
  }
  checkFolderPath('/h/cloud', around)
})

test('folders do not lie in each other', () => {
  const around = { home: '/h/home', others: ['/a/b'] }
  assert.throws(() => checkFolderPath('/a', around), { kind: 'invalid', message: /\/a\/b inside it/ })
  assert.throws(() => checkFolderPath('/a/b/c', around), { kind: 'invalid', message: /inside the folder \/a\/b/ })
  checkFolderPath('/a/b', around)
})

test('mount point, folder and home do not hold each other', () => {
  const around = { home: '/h', folder: '/f', others: ['/g'] }
  for (const at of ['/h/x', '/', '/f/x', '/g/x'])
    assert.throws(() => checkMountpointPath(at, around), { kind: 'invalid' }, at)
  checkMountpointPath('/m', around)
})

test('what is not there, a file, and a directory with something in it are told apart', async (t) => {
  const dir = temporaryDirectory(t)
  writeFileSync(path.join(dir, 'file'), '')
  mkdirSync(path.join(dir, 'empty'))
  await assert.rejects(checkDirectory(path.join(dir, 'missing')), { kind: 'not-found', mend: /mkdir/ })
  await assert.rejects(checkDirectory(path.join(dir, 'file')), { kind: 'not-a-directory' })
  await assert.rejects(checkDirectory(path.join(dir, 'file', 'below')), { kind: 'not-a-directory' })
  await assert.rejects(checkEmptyDirectory(dir), { kind: 'not-empty' })
  await checkEmptyDirectory(path.join(dir, 'empty'))
})
