import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { O, openAt, pwriteFd } from '../../../src/posix/files.ts'
import {
  linkAt,
  linkFd,
  makeDirectoryAt,
  makeNodeAt,
  RENAME,
  readLinkAt,
  removeDirectoryAt,
  renameAt,
  symlinkAt,
  unlinkAt,
} from '../../../src/posix/names.ts'
import { MODE, statAt } from '../../../src/posix/stat.ts'
import { makeFile, scratchDirectory, withFd } from './scratch.ts'

const scratch = scratchDirectory()
const contentOf = (name: string): string => readFileSync(join(scratch.path, name), 'latin1')

test('a directory is made and removed, also some levels down', () => {
  makeDirectoryAt(scratch.fd, 'd', 0o700)
  makeDirectoryAt(scratch.fd, 'd/e', 0o700)
  assert.throws(() => makeDirectoryAt(scratch.fd, 'd', 0o700), { kind: 'exists', subject: 'd' })
  assert.throws(() => removeDirectoryAt(scratch.fd, 'd'), { kind: 'not-empty' })
  removeDirectoryAt(scratch.fd, 'd/e')
  removeDirectoryAt(scratch.fd, 'd')
  assert.equal(statAt(scratch.fd, 'd'), undefined)
})

test('unlink takes files, not directories', () => {
  makeFile(scratch.fd, 'gone')
  unlinkAt(scratch.fd, 'gone')
  assert.throws(() => unlinkAt(scratch.fd, 'gone'), { kind: 'not-found', op: 'unlinkat' })
  makeDirectoryAt(scratch.fd, 'kept', 0o700)
  assert.throws(() => unlinkAt(scratch.fd, 'kept'), { kind: 'is-a-directory' })
})

test('rename replaces, unless it is told not to, or exchanges', () => {
  makeFile(scratch.fd, 'one', '1')
  makeFile(scratch.fd, 'two', '2')
  assert.throws(() => renameAt(scratch.fd, 'one', scratch.fd, 'two', RENAME.NOREPLACE), { kind: 'exists' })
  renameAt(scratch.fd, 'one', scratch.fd, 'two', RENAME.EXCHANGE)
  assert.deepEqual([contentOf('one'), contentOf('two')], ['2', '1'])
  renameAt(scratch.fd, 'one', scratch.fd, 'two')
  assert.equal(contentOf('two'), '2')
  assert.throws(() => renameAt(scratch.fd, 'one', scratch.fd, 'two'), { kind: 'not-found', subject: 'one' })
})

test('names of two bytes strings in one call do not mix', () => {
  const from = '\xff'.repeat(255)
  const to = '\xfe\n'.repeat(127)
  makeFile(scratch.fd, from, 'x')
  renameAt(scratch.fd, from, scratch.fd, to)
  assert.notEqual(statAt(scratch.fd, to), undefined)
  unlinkAt(scratch.fd, to)
})

test('a link is another name of the same inode', () => {
  makeFile(scratch.fd, 'linked')
  linkAt(scratch.fd, 'linked', scratch.fd, 'linked2')
  assert.equal(statAt(scratch.fd, 'linked2')?.ino, statAt(scratch.fd, 'linked')?.ino)
  assert.equal(statAt(scratch.fd, 'linked')?.nlink, 2)
  assert.throws(() => linkAt(scratch.fd, 'linked', scratch.fd, 'linked2'), { kind: 'exists' })
})

test('a link to a symbolic link is the symbolic link itself', () => {
  symlinkAt('nowhere', scratch.fd, 'symbolic')
  linkAt(scratch.fd, 'symbolic', scratch.fd, 'symbolic2')
  assert.equal(readLinkAt(scratch.fd, 'symbolic2'), 'nowhere')
})

test('an open file gets a name: one that has one, and one made without', () => {
  makeFile(scratch.fd, 'opened', 'o')
  withFd(openAt(scratch.fd, 'opened', O.PATH), (fd) => linkFd(fd, scratch.fd, 'opened2'))
  assert.equal(statAt(scratch.fd, 'opened2')?.nlink, 2)
  withFd(openAt(scratch.fd, '.', O.TMPFILE | O.RDWR, 0o600), (fd) => {
    pwriteFd(fd, Buffer.from('t'), 0)
    linkFd(fd, scratch.fd, 'named')
  })
  assert.equal(contentOf('named'), 't')
})

test('an open file whose last name is gone gets none', () => {
  makeFile(scratch.fd, 'dead')
  withFd(openAt(scratch.fd, 'dead', O.RDONLY), (fd) => {
    unlinkAt(scratch.fd, 'dead')
    assert.throws(() => linkFd(fd, scratch.fd, 'dead'), { kind: 'not-found' })
  })
})

test('a symbolic link holds any bytes, up to the longest path', () => {
  for (const [index, content] of ['\xff\n', 'x'.repeat(4095)].entries()) {
    symlinkAt(content, scratch.fd, `holds${index}`)
    assert.equal(readLinkAt(scratch.fd, `holds${index}`), content)
  }
  makeFile(scratch.fd, 'no-link')
  assert.throws(() => readLinkAt(scratch.fd, 'no-link'), { kind: 'invalid' })
})

test('a fifo is made as such', () => {
  makeNodeAt(scratch.fd, 'fifo', MODE.FIFO | 0o600, 0)
  assert.equal((statAt(scratch.fd, 'fifo')?.mode ?? 0) & MODE.FORMAT, MODE.FIFO)
})

test('a device has the numbers it was made with', (t) => {
  const rdev = 0x1234_5678
  try {
    makeNodeAt(scratch.fd, 'device', MODE.CHARACTER | 0o600, rdev)
  } catch (error) {
    return t.skip(`this user may not make devices: ${error}`)
  }
  assert.equal(statAt(scratch.fd, 'device')?.rdev, rdev)
})

test('every call refuses a name with a NUL', () => {
  const { fd } = scratch
  const bad = 'a\0b'
  for (const call of [
    () => makeDirectoryAt(fd, bad, 0),
    () => makeNodeAt(fd, bad, MODE.FIFO, 0),
    () => unlinkAt(fd, bad),
    () => removeDirectoryAt(fd, bad),
    () => renameAt(fd, bad, fd, 'x'),
    () => renameAt(fd, 'x', fd, bad),
    () => linkAt(fd, 'x', fd, bad),
    () => linkFd(fd, fd, bad),
    () => symlinkAt(bad, fd, 'x'),
    () => symlinkAt('x', fd, bad),
    () => readLinkAt(fd, bad),
  ]) {
    assert.throws(call, { kind: 'invalid' })
  }
})
