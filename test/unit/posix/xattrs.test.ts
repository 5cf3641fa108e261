import assert from 'node:assert/strict'
import test from 'node:test'
import { kindOf } from '../../../src/errors.ts'
import { O, openAt } from '../../../src/posix/files.ts'
import { symlinkAt, unlinkAt } from '../../../src/posix/names.ts'
import {
  getXattrAt,
  getXattrFd,
  listXattrsAt,
  listXattrsFd,
  removeXattrAt,
  removeXattrFd,
  setXattrAt,
  setXattrFd,
  XATTR,
} from '../../../src/posix/xattrs.ts'
import { makeFile, scratchDirectory, withFd } from './scratch.ts'

const scratch = scratchDirectory()
const skip = supported() ? false : 'the file system of temporary files has no user attributes'

function supported(): boolean {
  makeFile(scratch.fd, 'probe')
  try {
    setXattrAt(scratch.fd, 'probe', 'user.probe', Buffer.from('x'))
    return true
  } catch (error) {
    if (kindOf(error) === 'unsupported') return false
    throw error
  }
}

test('an attribute is set, read, listed and removed by name', { skip }, () => {
  const name = 'odd\n\xff name'
  makeFile(scratch.fd, name)
  const value = Buffer.from([0, 255, 0])
  setXattrAt(scratch.fd, name, 'user.\xfe', value)
  setXattrAt(scratch.fd, name, 'user.empty', Buffer.alloc(0))
  assert.deepEqual(getXattrAt(scratch.fd, name, 'user.\xfe'), value)
  assert.deepEqual(getXattrAt(scratch.fd, name, 'user.empty'), Buffer.alloc(0))
  assert.deepEqual(userAttributes(listXattrsAt(scratch.fd, name)), ['user.empty', 'user.\xfe'])
  removeXattrAt(scratch.fd, name, 'user.\xfe')
  assert.equal(getXattrAt(scratch.fd, name, 'user.\xfe'), undefined)
})

test('the same works by descriptor: O_PATH, and of a file without a name', { skip }, () => {
  makeFile(scratch.fd, 'file')
  withFd(openAt(scratch.fd, 'file', O.PATH), (fd) => {
    setXattrFd(fd, 'user.a', Buffer.from('1'))
    assert.equal(getXattrFd(fd, 'user.a')?.toString(), '1')
    unlinkAt(scratch.fd, 'file')
    setXattrFd(fd, 'user.b', Buffer.from('2'))
    assert.deepEqual(userAttributes(listXattrsFd(fd)), ['user.a', 'user.b'])
    removeXattrFd(fd, 'user.a')
    assert.equal(getXattrFd(fd, 'user.a'), undefined)
  })
})

test('a value that was read stays when another is read', { skip }, () => {
  makeFile(scratch.fd, 'two')
  setXattrAt(scratch.fd, 'two', 'user.a', Buffer.from('first'))
  setXattrAt(scratch.fd, 'two', 'user.b', Buffer.from('other'))
  const first = getXattrAt(scratch.fd, 'two', 'user.a')
  getXattrAt(scratch.fd, 'two', 'user.b')
  assert.equal(first?.toString(), 'first')
})

test('flags say whether the attribute must be new or old', { skip }, () => {
  makeFile(scratch.fd, 'flags')
  const set = (flags: number) => setXattrAt(scratch.fd, 'flags', 'user.a', Buffer.from('x'), flags)
  assert.throws(() => set(XATTR.REPLACE), { kind: 'no-data' })
  set(XATTR.CREATE)
  assert.throws(() => set(XATTR.CREATE), { kind: 'exists' })
  set(XATTR.REPLACE)
})

test('failures have their kinds', { skip }, () => {
  makeFile(scratch.fd, 'fails')
  assert.throws(() => removeXattrAt(scratch.fd, 'fails', 'user.absent'), { kind: 'no-data' })
  assert.throws(() => getXattrAt(scratch.fd, 'absent', 'user.a'), { kind: 'not-found', subject: 'absent' })
  assert.throws(() => getXattrAt(scratch.fd, 'fails', 'nonsense'), { kind: 'unsupported' })
  assert.throws(() => setXattrAt(scratch.fd, 'fails', 'user.a', Buffer.alloc(65537)), { kind: 'too-large' })
  assert.throws(() => setXattrAt(scratch.fd, 'fails', `user.${'x'.repeat(251)}`, Buffer.alloc(1)), {
    kind: 'out-of-range',
  })
  assert.throws(() => setXattrAt(scratch.fd, 'fails', 'user.a\0', Buffer.alloc(1)), { kind: 'invalid' })
})

test('a symbolic link is not followed', { skip }, () => {
  makeFile(scratch.fd, 'target')
  setXattrAt(scratch.fd, 'target', 'user.a', Buffer.from('x'))
  symlinkAt('target', scratch.fd, 'link')
  assert.equal(getXattrAt(scratch.fd, 'link', 'user.a'), undefined)
  assert.throws(() => setXattrAt(scratch.fd, 'link', 'user.b', Buffer.from('x')), { kind: 'not-permitted' })
})

/** Without what security modules add. */
function userAttributes(names: string[]): string[] {
  return names.filter((name) => name.startsWith('user.')).sort()
}
