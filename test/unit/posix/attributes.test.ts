import assert from 'node:assert/strict'
import test from 'node:test'
import { chmodAt, chmodFd, chownAt, chownFd, utimesAt, utimesFd } from '../../../src/posix/attributes.ts'
import { O, openAt } from '../../../src/posix/files.ts'
import { symlinkAt, unlinkAt } from '../../../src/posix/names.ts'
import { type Stat, statAt, statFd } from '../../../src/posix/stat.ts'
import { makeFile, scratchDirectory, withFd } from './scratch.ts'

const scratch = scratchDirectory()

function stat(name: string): Stat {
  return statAt(scratch.fd, name) ?? assert.fail(`no ${name}`)
}

test('a mode is set by name, by descriptor and by O_PATH descriptor', () => {
  makeFile(scratch.fd, 'mode')
  chmodAt(scratch.fd, 'mode', 0o4711)
  assert.equal(stat('mode').mode & 0o7777, 0o4711)
  for (const [flags, mode] of [
    [O.RDONLY, 0o640],
    [O.PATH, 0o604],
  ] as const) {
    withFd(openAt(scratch.fd, 'mode', flags), (fd) => chmodFd(fd, mode))
    assert.equal(stat('mode').mode & 0o7777, mode)
  }
})

test('the mode of a file that has lost its name can still be set', () => {
  makeFile(scratch.fd, 'nameless')
  withFd(openAt(scratch.fd, 'nameless', O.RDONLY), (fd) => {
    unlinkAt(scratch.fd, 'nameless')
    chmodFd(fd, 0o600)
    assert.equal(statFd(fd).mode & 0o7777, 0o600)
  })
})

test('chmod of a symbolic link is unsupported and leaves what it points to alone', () => {
  makeFile(scratch.fd, 'target')
  chmodAt(scratch.fd, 'target', 0o644)
  symlinkAt('target', scratch.fd, 'link')
  assert.throws(() => chmodAt(scratch.fd, 'link', 0o600), { kind: 'unsupported' })
  assert.equal(stat('target').mode & 0o7777, 0o644)
  assert.throws(() => chmodAt(scratch.fd, 'absent', 0o600), { kind: 'not-found' })
})

test('-1 keeps the owner', () => {
  makeFile(scratch.fd, 'owned')
  const { uid, gid } = stat('owned')
  chownAt(scratch.fd, 'owned', -1, -1)
  withFd(openAt(scratch.fd, 'owned', O.PATH), (fd) => chownFd(fd, -1, gid))
  assert.deepEqual([stat('owned').uid, stat('owned').gid], [uid, gid])
})

test('root gives files away, the largest ids too, and symbolic links themselves', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, () => {
  makeFile(scratch.fd, 'given')
  chownAt(scratch.fd, 'given', 1234, -1)
  withFd(openAt(scratch.fd, 'given', O.RDONLY), (fd) => chownFd(fd, -1, 0xffff_fffe))
  assert.deepEqual([stat('given').uid, stat('given').gid], [1234, 0xffff_fffe])
  symlinkAt('given', scratch.fd, 'given-link')
  chownAt(scratch.fd, 'given-link', 77, 78)
  assert.deepEqual([stat('given-link').uid, stat('given-link').gid], [77, 78])
  assert.equal(stat('given').uid, 1234)
})

test('times are set to the nanosecond, before 1970 too, and can be kept', () => {
  makeFile(scratch.fd, 'times')
  utimesAt(scratch.fd, 'times', 1_700_000_000_123_456_789n, -1n)
  assert.deepEqual([stat('times').atimeNs, stat('times').mtimeNs], [1_700_000_000_123_456_789n, -1n])
  utimesAt(scratch.fd, 'times', 'keep', 5n)
  assert.deepEqual([stat('times').atimeNs, stat('times').mtimeNs], [1_700_000_000_123_456_789n, 5n])
  withFd(openAt(scratch.fd, 'times', O.PATH), (fd) => utimesFd(fd, 6n, 'keep'))
  assert.deepEqual([stat('times').atimeNs, stat('times').mtimeNs], [6n, 5n])
})

test('now is the time of the call', () => {
  makeFile(scratch.fd, 'now')
  utimesAt(scratch.fd, 'now', 1n, 1n)
  utimesAt(scratch.fd, 'now', 'keep', 'now')
  const { atimeNs, mtimeNs, ctimeNs } = stat('now')
  assert.equal(atimeNs, 1n)
  assert.equal(mtimeNs, ctimeNs)
})

test('the times of a symbolic link are its own', () => {
  makeFile(scratch.fd, 'timed')
  utimesAt(scratch.fd, 'timed', 1n, 1n)
  symlinkAt('timed', scratch.fd, 'timed-link')
  utimesAt(scratch.fd, 'timed-link', 2n, 3n)
  assert.equal(stat('timed-link').mtimeNs, 3n)
  assert.equal(stat('timed').mtimeNs, 1n)
})
