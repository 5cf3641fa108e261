import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { kindOf } from '../../../src/errors.ts'
import { closeFd, O, openAt } from '../../../src/posix/files.ts'
import { nextData, readFully } from '../../../src/posix/reading.ts'
import { makeFile, scratchDirectory } from './scratch.ts'

const scratch = scratchDirectory()
const MIB = 1024 * 1024

test('a read fills the buffer, shared memory too, and stops at the end of the file', async () => {
  makeFile(scratch.fd, 'file', 'hello world')
  const fd = openAt(scratch.fd, 'file', O.RDONLY)
  const into = Buffer.from(new SharedArrayBuffer(5))
  assert.equal(await readFully(fd, into, 6), 5)
  assert.equal(into.toString(), 'world')
  assert.equal(await readFully(fd, into, 9), 2)
  assert.equal(await readFully(fd, into, 20), 0)
  assert.equal(await readFully(fd, Buffer.alloc(0), 0), 0)
  closeFd(fd)
})

test('what cannot be read fails as the system says', async () => {
  const fd = openAt(scratch.fd, '.', O.RDONLY | O.DIRECTORY)
  await assert.rejects(readFully(fd, Buffer.alloc(1), 0), (error) => kindOf(error) === 'is-a-directory')
  closeFd(fd)
})

test('holes are passed over, and behind the last data there is none', () => {
  const fd = openSync(join(scratch.path, 'sparse'), 'w+')
  writeSync(fd, 'x', 8 * MIB)
  ftruncateSync(fd, 16 * MIB)
  const data = nextData(fd, 0)
  // A file system without holes says that there is data everywhere.
  assert.ok(data === 8 * MIB || data === 0)
  assert.equal(nextData(fd, 8 * MIB), 8 * MIB)
  if (data !== 0) assert.equal(nextData(fd, 9 * MIB), undefined)
  assert.equal(nextData(fd, 16 * MIB), undefined)
  closeSync(fd)
})
