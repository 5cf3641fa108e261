import assert from 'node:assert/strict'
import { readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { raiseOpenFilesLimit, realPath, setUmask } from '../../../src/posix/process.ts'
import { scratchDirectory } from './scratch.ts'

const scratch = scratchDirectory()

test('the limit of open files is what is said, and as high as it gets', () => {
  const limit = raiseOpenFilesLimit()
  const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  assert.deepEqual([Number(soft), Number(hard)], [limit, limit])
})

test('the umask is set, and the old one returned', () => {
  const before = setUmask(0o027)
  assert.equal(setUmask(before), 0o027)
})

test('a real path has no symbolic links', () => {
  symlinkSync('.', join(scratch.path, 'here'))
  assert.equal(realPath(join(scratch.path, 'here/here')), realpathSync(scratch.path))
  assert.throws(() => realPath(join(scratch.path, 'absent')), { kind: 'not-found' })
})
