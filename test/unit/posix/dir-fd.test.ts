import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { DirFd } from '../../../src/posix/dir-fd.ts'
import { statFd } from '../../../src/posix/stat.ts'
import { scratchDirectory } from './scratch.ts'

const scratch = scratchDirectory()

test('a directory is opened by its path as text and closed once', () => {
  const path = join(scratch.path, 'né')
  mkdirSync(path)
  const directory = DirFd.open(path)
  statFd(directory.fd)
  directory[Symbol.dispose]()
  assert.throws(() => statFd(directory.fd), { kind: 'bad-handle' })
  directory[Symbol.dispose]()
})

test('what is absent or no directory is not opened', () => {
  writeFileSync(join(scratch.path, 'file'), '')
  assert.throws(() => DirFd.open(join(scratch.path, 'absent')), { kind: 'not-found' })
  assert.throws(() => DirFd.open(join(scratch.path, 'file')), { kind: 'not-a-directory' })
})
