import assert from 'node:assert/strict'
import { lstatSync, statfsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { utimesAt } from '../../../src/posix/attributes.ts'
import { DirFd } from '../../../src/posix/dir-fd.ts'
import { O, openAt } from '../../../src/posix/files.ts'
import { statFilesystem } from '../../../src/posix/filesystem-stat.ts'
import { inodeNumber, MODE, type Stat, statAt, statFd } from '../../../src/posix/stat.ts'
import { makeFile, scratchDirectory, withFd } from './scratch.ts'

const scratch = scratchDirectory()

/** The same facts as node sees them. */
function nodeStat(path: string): Stat {
  const stat = lstatSync(path, { bigint: true })
  return {
    dev: Number(stat.dev),
    ino: Number(stat.ino),
    mode: Number(stat.mode),
    nlink: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    rdev: Number(stat.rdev),
    size: Number(stat.size),
    blocks: Number(stat.blocks),
    blksize: Number(stat.blksize),
    atimeNs: stat.atimeNs,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    btimeNs: stat.birthtimeNs,
  }
}

test('a stat is what node sees, for files, directories, links and devices', () => {
  makeFile(scratch.fd, 'file', 'content')
  symlinkSync('nowhere', join(scratch.path, 'link'))
  for (const name of ['file', 'link', '.'])
    assert.deepEqual(statAt(scratch.fd, name), nodeStat(join(scratch.path, name)))
  using devices = DirFd.open('/dev')
  assert.deepEqual(statAt(devices.fd, 'null'), nodeStat('/dev/null'))
  assert.equal((statAt(scratch.fd, 'link')?.mode ?? 0) & MODE.FORMAT, MODE.SYMLINK)
})

test('what is not there is undefined, also below what is no directory', () => {
  makeFile(scratch.fd, 'plain')
  assert.equal(statAt(scratch.fd, 'absent'), undefined)
  assert.equal(statAt(scratch.fd, 'absent/below'), undefined)
  assert.equal(statAt(scratch.fd, 'plain/below'), undefined)
  assert.equal(statAt(scratch.fd, ''), undefined)
})

test('other failures are errors', () => {
  assert.throws(() => statAt(987654, 'x'), { kind: 'bad-handle', op: 'statx' })
  assert.throws(() => statAt(scratch.fd, 'x'.repeat(256)), { kind: 'name-too-long' })
})

test('an open descriptor has a stat, an O_PATH one of a symbolic link too', () => {
  symlinkSync('nowhere', join(scratch.path, 'link2'))
  withFd(openAt(scratch.fd, 'link2', O.PATH | O.NOFOLLOW), (fd) => {
    assert.deepEqual(statFd(fd), statAt(scratch.fd, 'link2'))
  })
  assert.throws(() => statFd(987654), { kind: 'bad-handle' })
})

test('times before 1970 are negative', () => {
  makeFile(scratch.fd, 'old')
  utimesAt(scratch.fd, 'old', -10_250_000_000n, -750_000_000n)
  const stat = statAt(scratch.fd, 'old')
  assert.deepEqual([stat?.atimeNs, stat?.mtimeNs], [-10_250_000_000n, -750_000_000n])
})

test('inode numbers are exact below 2^53, and neighbours stay apart above', () => {
  assert.equal(inodeNumber(5, 0), 5)
  assert.equal(inodeNumber(0xffff_ffff, 0x1f_ffff), Number.MAX_SAFE_INTEGER)
  const marked = 0x8000_0000
  assert.ok(Number.isSafeInteger(inodeNumber(1, marked)))
  assert.notEqual(inodeNumber(1, marked), inodeNumber(2, marked))
  assert.notEqual(inodeNumber(1, marked), inodeNumber(1, 0))
})

test('the file system is as large as node says', () => {
  const ours = statFilesystem(scratch.fd)
  const theirs = statfsSync(scratch.path)
  assert.equal(ours.blocks, theirs.blocks)
  assert.equal(ours.blockBytes, theirs.bsize)
  assert.equal(ours.files, theirs.files)
  assert.equal(ours.nameBytesMax, 255)
  assert.equal(ours.readOnly, false)
  assert.ok(ours.blocksAvailable <= ours.blocksFree && ours.blocksFree <= ours.blocks)
  using proc = DirFd.open('/proc')
  assert.equal(statFilesystem(proc.fd).blocks, 0)
})
