import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import * as syscalls from '../../support/syscalls.ts'
import { assertContent, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { DRIVER } from '../support/place.ts'

const PAGE = 4096
/** O_DIRECT, which Node has on Linux only. */
const DIRECT = fs.constants.O_DIRECT ?? 0

mountedSuite('times', ({ lasts, test }) => {
  for (const mtime of [0, 1, 1_600_000_000.25, 4_000_000_000])
    lasts(`mtime ${mtime} is kept`, (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, noise(80_000))
      fs.utimesSync(path, mtime, mtime)
      return () => assert.equal(fs.statSync(path).mtimeMs, mtime * 1000)
    })

  lasts('a file with a time beyond all that can be stored is stored all the same', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'before')
    fs.utimesSync(path, new Date('2500-01-01'), new Date('2500-01-01'))
    fs.appendFileSync(path, ' and after')
    fs.utimesSync(path, new Date('2500-01-01'), new Date('2500-01-01'))
    return () => {
      assertContent(path, 'before and after')
      assert(fs.statSync(path).mtime > new Date('2200-01-01'))
    }
  })

  lasts('a time set while the file is open stays when it is closed', (directory) => {
    const path = join(directory, 'file')
    withFile(path, 'w', (fd) => {
      fs.writeSync(fd, noise(80_000))
      fs.futimesSync(fd, 1_000_000, 1_000_000)
    })
    return () => assert.equal(fs.statSync(path).mtimeMs, 1e9)
  })

  lasts('a directory and a symlink have times of their own', (directory) => {
    fs.mkdirSync(join(directory, 'sub'))
    fs.symlinkSync('sub', join(directory, 'link'))
    fs.utimesSync(join(directory, 'sub'), 1000, 1000)
    fs.lutimesSync(join(directory, 'link'), 2000, 2000)
    return () => {
      assert.equal(fs.statSync(join(directory, 'sub')).mtimeMs, 1_000_000)
      assert.equal(fs.lstatSync(join(directory, 'link')).mtimeMs, 2_000_000)
    }
  })

  /** So many that some change within the clock's tick of the change before. */
  const FILES = 25
  const CHANGES: Record<string, (path: string, other: number) => void> = {
    'cut by opening it': (path) => fs.closeSync(fs.openSync(path, 'w')),
    'cut by its name': (path) => fs.truncateSync(path, 10),
    'written at its end': (path) => fs.appendFileSync(path, 'more'),
    'written past the cache': (path) =>
      withFile(path, fs.constants.O_RDWR | DIRECT, (fd) => fs.writeSync(fd, new Uint8Array(PAGE), 0, PAGE, 0)),
    ...(DRIVER !== 'fuse-native' && {
      'given room': (path) => withFile(path, 'r+', (fd) => syscalls.fallocate(fd, 0, 0, 10_000)),
      punched: (path) => withFile(path, 'r+', (fd) => syscalls.fallocate(fd, 3, 0, 10)),
    }),
    'copied into': (path, other) => withFile(path, 'r+', (fd) => syscalls.copyRange(other, fd, 5000)),
    'given an attribute': (path) => syscalls.setXattr(path, 'user.color', Buffer.from('red')),
    'given other rights': (path) => fs.chmodSync(path, 0o600),
  }
  for (const [how, change] of Object.entries(CHANGES))
    lasts(`a file that was just made and is then ${how} keeps the times it shows`, (directory) => {
      const paths = Array.from({ length: FILES }, (_, index) => join(directory, String(index)))
      const other = join(directory, 'other')
      fs.writeFileSync(other, noise(5000))
      withFile(other, 'r', (fd) => {
        for (const path of paths) {
          fs.writeFileSync(path, noise(5000))
          change(path, fd)
        }
      })
      const times = () => paths.map((path) => fs.statSync(path, { bigint: true })).map((s) => [s.mtimeNs, s.ctimeNs])
      const shown = times()
      return () => assert.deepEqual(times(), shown)
    })

  test('a write sets mtime, a read does not', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'content')
    fs.utimesSync(path, 1000, 1000)
    fs.readFileSync(path)
    assert.equal(fs.statSync(path).mtimeMs, 1_000_000)
    const before = Date.now()
    fs.appendFileSync(path, 'more')
    assert(fs.statSync(path).mtimeMs >= before - 20)
  })

  lasts('a file that is only read keeps its times', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'content')
    const { mtimeMs } = fs.statSync(path)
    return () => {
      fs.readFileSync(path)
      assert.equal(Math.floor(fs.statSync(path).mtimeMs), Math.floor(mtimeMs))
    }
  })

  test('making and removing an entry changes the mtime of its directory', (directory) => {
    for (const change of [
      () => fs.writeFileSync(join(directory, 'file'), ''),
      () => fs.unlinkSync(join(directory, 'file')),
    ]) {
      fs.utimesSync(directory, 1000, 1000)
      change()
      assert(fs.statSync(directory).mtimeMs > 1_000_000)
    }
  })
})
