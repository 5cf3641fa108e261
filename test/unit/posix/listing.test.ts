import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import test from 'node:test'
import { DirFd } from '../../../src/posix/dir-fd.ts'
import { O, openAt } from '../../../src/posix/files.ts'
import { iterateDirectory, readDirectory } from '../../../src/posix/listing.ts'
import { makeDirectoryAt, makeNodeAt, removeDirectoryAt, symlinkAt, unlinkAt } from '../../../src/posix/names.ts'
import { MODE, statAt } from '../../../src/posix/stat.ts'
import { makeFile, scratchDirectory, withFd } from './scratch.ts'

const scratch = scratchDirectory()

/** A directory of its own for one test. */
function directory(name: string): DirFd {
  const path = `${scratch.path}/${name}`
  mkdirSync(path)
  return DirFd.open(path)
}

test('names come back byte for byte', () => {
  using dir = directory('bytes')
  const names = ['a', '\xff\xfe', 'line\nbreak', 'tab\t', ' ', '...', 'n\xc3\xa9', '\x01', '\\', 'x'.repeat(255)]
  for (const name of names) makeFile(dir.fd, name)
  for (let length = 1; length < 40; length++) makeFile(dir.fd, 'y'.repeat(length))
  const listed = readDirectory(dir.fd).map((entry) => entry.name)
  assert.deepEqual(listed.sort(), [...names, ...Array.from({ length: 39 }, (_, i) => 'y'.repeat(i + 1))].sort())
})

test('entries have the inode numbers and types of their objects', () => {
  using dir = directory('types')
  makeFile(dir.fd, 'file')
  makeDirectoryAt(dir.fd, 'directory', 0o755)
  symlinkAt('nowhere', dir.fd, 'symlink')
  makeNodeAt(dir.fd, 'fifo', MODE.FIFO | 0o600, 0)
  makeNodeAt(dir.fd, 'socket', MODE.SOCKET | 0o600, 0)
  const entries = readDirectory(dir.fd)
  assert.equal(entries.length, 5)
  for (const { name, ino, type } of entries) {
    assert.equal(ino, statAt(dir.fd, name)?.ino)
    assert.equal(type, name)
  }
})

test('an empty directory has no entries, and a removed one neither', () => {
  using dir = directory('empty')
  assert.deepEqual(readDirectory(dir.fd), [])
  assert.deepEqual([...iterateDirectory(dir.fd)], [])
  removeDirectoryAt(scratch.fd, 'empty')
  assert.deepEqual(readDirectory(dir.fd), [])
})

test('a directory can be read again, from the start', () => {
  using dir = directory('again')
  makeFile(dir.fd, 'a')
  assert.equal(readDirectory(dir.fd).length, 1)
  makeFile(dir.fd, 'b')
  assert.equal(readDirectory(dir.fd).length, 2)
})

test('small batches give every entry once, also with other listings of the same descriptor in between', () => {
  using dir = directory('batches')
  const names = Array.from({ length: 300 }, (_, index) => `entry-${index}`)
  for (const name of names) makeFile(dir.fd, name)
  const listed: string[] = []
  let batches = 0
  for (const batch of iterateDirectory(dir.fd, 1024)) {
    batches++
    listed.push(...batch.map((entry) => entry.name))
    assert.equal(readDirectory(dir.fd).length, names.length)
  }
  assert.ok(batches > 5)
  assert.deepEqual(listed.sort(), names.sort())
})

test('entries may be removed while they are listed', () => {
  using dir = directory('removal')
  for (let index = 0; index < 500; index++) makeFile(dir.fd, `entry-${index}`)
  for (const batch of iterateDirectory(dir.fd, 512)) for (const { name } of batch) unlinkAt(dir.fd, name)
  assert.deepEqual(readDirectory(dir.fd), [])
})

test('what is no directory, or was opened O_PATH, cannot be listed', () => {
  makeFile(scratch.fd, 'plain')
  withFd(openAt(scratch.fd, 'plain', O.RDONLY), (fd) => {
    assert.throws(() => readDirectory(fd), { kind: 'not-a-directory', op: 'getdents64' })
  })
  withFd(openAt(scratch.fd, '.', O.PATH), (fd) => assert.throws(() => readDirectory(fd), { kind: 'bad-handle' }))
})
