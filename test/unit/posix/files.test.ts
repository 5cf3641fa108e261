import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import {
  closeFd,
  dataSyncFd,
  O,
  openAt,
  preadFd,
  pwriteFd,
  syncFd,
  syncFilesystem,
  truncateFd,
  tryOpenAt,
} from '../../../src/posix/files.ts'
import { makeDirectoryAt } from '../../../src/posix/names.ts'
import { statFd } from '../../../src/posix/stat.ts'
import { makeFile, scratchDirectory, withFd } from './scratch.ts'

const scratch = scratchDirectory()

test('what is written at a position is read back there', () => {
  withFd(openAt(scratch.fd, 'data', O.RDWR | O.CREAT | O.EXCL, 0o600), (fd) => {
    const large = Buffer.alloc(3_000_000, 'abcdefg')
    pwriteFd(fd, large, 5)
    const into = Buffer.alloc(3_000_010, 1)
    assert.equal(preadFd(fd, into, 3, 3_000_005, 0), 3_000_005)
    assert.deepEqual(into.subarray(0, 8), Buffer.from([1, 1, 1, 0, 0, 0, 0, 0]))
    assert.ok(into.subarray(8, 3_000_008).equals(large))
    assert.deepEqual(into.subarray(3_000_008), Buffer.from([1, 1]))
  })
})

test('a write from the middle of a buffer writes that part', () => {
  withFd(openAt(scratch.fd, 'part', O.RDWR | O.CREAT, 0o600), (fd) => {
    pwriteFd(fd, Buffer.from('abcdef').subarray(2, 4), 0)
    assert.equal(readFileSync(join(scratch.path, 'part'), 'latin1'), 'cd')
  })
})

test('a read at the end of a file gives fewer bytes, then none', () => {
  makeFile(scratch.fd, 'short', 'abc')
  withFd(openAt(scratch.fd, 'short', O.RDONLY), (fd) => {
    const into = Buffer.alloc(10)
    assert.equal(preadFd(fd, into, 0, 10, 1), 2)
    assert.equal(preadFd(fd, into, 0, 10, 3), 0)
    assert.equal(preadFd(fd, into, 0, 0, 0), 0)
  })
})

test('a read never goes beyond its buffer', () => {
  makeFile(scratch.fd, 'bounds', 'abc')
  withFd(openAt(scratch.fd, 'bounds', O.RDONLY), (fd) => {
    for (const [offset, length] of [
      [0, 11],
      [5, 6],
      [-1, 5],
      [0, -1],
      [Number.NaN, 1],
    ] as const) {
      assert.throws(() => preadFd(fd, Buffer.alloc(10), offset, length, 0), { kind: 'out-of-range' })
    }
  })
})

test('positions beyond 4 GiB are exact', () => {
  withFd(openAt(scratch.fd, 'sparse', O.RDWR | O.CREAT, 0o600), (fd) => {
    const position = 5 * 2 ** 30 + 1
    pwriteFd(fd, Buffer.from('x'), position)
    assert.equal(statFd(fd).size, position + 1)
    const into = Buffer.alloc(1)
    assert.equal(preadFd(fd, into, 0, 1, position), 1)
    assert.equal(into.toString(), 'x')
    truncateFd(fd, 6 * 2 ** 30)
    assert.equal(statFd(fd).size, 6 * 2 ** 30)
    truncateFd(fd, 0)
    assert.equal(statFd(fd).size, 0)
  })
})

test('a file that is not there is undefined to tryOpenAt and not-found to openAt', () => {
  assert.equal(tryOpenAt(scratch.fd, 'absent', O.RDONLY), undefined)
  assert.throws(() => openAt(scratch.fd, 'absent', O.RDONLY), { kind: 'not-found', op: 'openat', subject: 'absent' })
})

test('other reasons not to open are errors of their kind', () => {
  makeFile(scratch.fd, 'file')
  makeDirectoryAt(scratch.fd, 'directory', 0o755)
  assert.throws(() => tryOpenAt(scratch.fd, 'file/below', O.RDONLY), { kind: 'not-a-directory' })
  assert.throws(() => openAt(scratch.fd, 'directory', O.RDWR), { kind: 'is-a-directory' })
  assert.throws(() => openAt(scratch.fd, 'file', O.RDWR | O.CREAT | O.EXCL), { kind: 'exists' })
  assert.throws(() => openAt(987654, 'file', O.RDONLY), { kind: 'bad-handle' })
})

test('a mode is what a file is created with, less the umask', () => {
  const before = process.umask(0)
  try {
    withFd(openAt(scratch.fd, 'mode', O.RDWR | O.CREAT, 0o4751), (fd) => assert.equal(statFd(fd).mode & 0o7777, 0o4751))
  } finally {
    process.umask(before)
  }
})

test('every descriptor is close-on-exec', () => {
  withFd(openAt(scratch.fd, '.', O.RDONLY | O.DIRECTORY), (fd) => {
    const [, flags = ''] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? []
    assert.equal(Number.parseInt(flags, 8) & O.CLOEXEC, O.CLOEXEC)
  })
})

test('a name with a NUL is refused before the kernel sees half of it', () => {
  makeFile(scratch.fd, 'half')
  assert.throws(() => openAt(scratch.fd, 'half\0rest', O.RDONLY), { kind: 'invalid' })
})

test('a name that is no byte string is refused, not cut to its low bytes', () => {
  makeFile(scratch.fd, 'a')
  assert.throws(() => openAt(scratch.fd, '\u0161', O.RDONLY), { kind: 'invalid' })
})

test('a path longer than the kernel takes is name-too-long', () => {
  assert.throws(() => openAt(scratch.fd, 'x'.repeat(256), O.RDONLY), { kind: 'name-too-long' })
  assert.throws(() => openAt(scratch.fd, './'.repeat(2048), O.RDONLY), { kind: 'name-too-long' })
  withFd(openAt(scratch.fd, `${'./'.repeat(2047)}.`, O.RDONLY), () => {})
})

test('sync resolves for a file, a directory and their file system', async () => {
  const fd = openAt(scratch.fd, 'synced', O.RDWR | O.CREAT, 0o600)
  try {
    await dataSyncFd(fd)
    await syncFd(fd)
    await syncFd(scratch.fd)
    await syncFilesystem(scratch.fd)
  } finally {
    closeFd(fd)
  }
})

test('sync of a descriptor that is not open fails with its errno', async () => {
  await assert.rejects(syncFilesystem(987654), { kind: 'bad-handle' })
  await assert.rejects(syncFd(987654), { kind: 'bad-handle' })
  await assert.rejects(dataSyncFd(987654), { kind: 'bad-handle' })
})

test('a descriptor is closed once', () => {
  mkdirSync(join(scratch.path, 'closed'))
  const fd = openAt(scratch.fd, 'closed', O.RDONLY)
  closeFd(fd)
  assert.throws(() => closeFd(fd), { kind: 'bad-handle' })
})
