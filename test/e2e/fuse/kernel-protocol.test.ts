/** What only the kernel's own protocol brings: through fuse-native these are not supported. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import * as syscalls from '../../support/syscalls.ts'
import { assertContent, assertFails, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { DRIVER } from '../support/place.ts'
import { runOk } from '../support/process.ts'

const skip = DRIVER === 'fuse-native' && 'fuse-native cannot do it'
const KEEP_SIZE = 1
const PUNCH_HOLE = 2
const ZERO_RANGE = 16
const NOREPLACE = 1
const EXCHANGE = 2
const SEEK_DATA = 3
const SEEK_HOLE = 4

mountedSuite('the kernel protocol', (suite) => {
  const { test, lasts } = suite

  lasts(
    'a punched range reads as zeroes and takes no space, the rest is as it was',
    (directory) => {
      const path = join(directory, 'file')
      const content = noise(1_000_000)
      fs.writeFileSync(path, content)
      withFile(path, 'r+', (fd) => syscalls.fallocate(fd, KEEP_SIZE | PUNCH_HOLE, 100_000, 700_000))
      content.fill(0, 100_000, 800_000)
      return () => {
        assertContent(path, content)
        assert(fs.statSync(path).blocks * 512 < 600_000)
      }
    },
    { skip },
  )

  lasts(
    'a zeroed range may reach over the end, and allocating makes the file longer',
    (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, noise(10_000))
      withFile(path, 'r+', (fd) => {
        syscalls.fallocate(fd, ZERO_RANGE, 5000, 10_000)
        syscalls.fallocate(fd, 0, 0, 20_000)
        syscalls.fallocate(fd, KEEP_SIZE, 0, 100_000)
      })
      const expected = Buffer.concat([noise(10_000).subarray(0, 5000), Buffer.alloc(15_000)])
      return () => assertContent(path, expected)
    },
    { skip },
  )

  test(
    'data and holes are found, also what was written a moment ago',
    (directory) => {
      const path = join(directory, 'file')
      withFile(path, 'w+', (fd) => {
        fs.ftruncateSync(fd, 4 * 2 ** 20)
        fs.writeSync(fd, Buffer.from('here'), 0, 4, 2 ** 20)
        assert.equal(syscalls.seek(fd, 0, SEEK_HOLE), 0)
        assert.equal(syscalls.seek(fd, 0, SEEK_DATA), 2 ** 20)
        assert.equal(syscalls.seek(fd, 2 ** 20, SEEK_HOLE), 2 ** 20 + 65_536)
        assertFails('ENXIO', () => syscalls.seek(fd, 2 * 2 ** 20, SEEK_DATA))
      })
    },
    { skip },
  )

  lasts(
    'a copied file has the content of its source, and neither changes with the other',
    async (directory) => {
      const [from, to] = [join(directory, 'from'), join(directory, 'to')]
      const content = noise(3_000_000)
      fs.writeFileSync(from, content)
      await runOk('cp', ['--reflink=auto', from, to])
      withFile(from, 'r+', (fd) => fs.writeSync(fd, Buffer.from('changed'), 0, 7, 1_000_000))
      const changed = Buffer.from(content)
      changed.write('changed', 1_000_000)
      return () => {
        assertContent(to, content)
        assertContent(from, changed)
      }
    },
    { skip },
  )

  lasts(
    'rename exchanges two files, and refuses to replace when asked',
    (directory) => {
      const [one, two] = [join(directory, 'one'), join(directory, 'two')]
      fs.writeFileSync(one, 'one')
      fs.writeFileSync(two, 'two')
      syscalls.rename(one, two, EXCHANGE)
      assertFails('EEXIST', () => syscalls.rename(one, two, NOREPLACE))
      return () => {
        assertContent(one, 'two')
        assertContent(two, 'one')
      }
    },
    { skip },
  )

  lasts(
    'times are kept to the nanosecond',
    (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, '')
      return async () => {
        await runOk('touch', ['-d', '2001-02-03 04:05:06.123456789 UTC', path])
        assert.equal(fs.statSync(path, { bigint: true }).mtimeNs, 981_173_106_123_456_789n)
      }
    },
    { skip },
  )

  test(
    'who writes to a file takes its set-user-id bit off, unless it is root',
    async (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, 'text')
      fs.chmodSync(path, 0o6777)
      for (const passed of [suite.place.root, suite.system.root, directory]) fs.chmodSync(passed, 0o777)
      fs.appendFileSync(path, 'by root')
      assert.equal(fs.statSync(path).mode & 0o7777, 0o6777)
      await runOk('sh', ['-c', `echo more >> '${path}'`], { user: { uid: 12_345, gid: 12_345 } })
      assert.equal(fs.statSync(path).mode & 0o7777, 0o777)
    },
    { skip: skip || (process.getuid?.() !== 0 && 'needs root') },
  )

  test('a sync of all files succeeds after files were changed and removed', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, '')
    fs.chmodSync(path, 0o600)
    fs.unlinkSync(path)
    fs.writeFileSync(path, '')
    fs.linkSync(path, `${path}.other`)
    fs.unlinkSync(path)
    fs.unlinkSync(`${path}.other`)
    withFile(directory, 'r', (fd) => syscalls.syncFilesystem(fd))
  })

  for (const how of ['removed', 'replaced'] as const)
    test(
      `the attributes of a directory that is open can be changed when it was ${how}`,
      (directory) => {
        const [inner, other] = [join(directory, 'inner'), join(directory, 'other')]
        fs.mkdirSync(inner)
        fs.mkdirSync(other)
        withFile(inner, 'r', (fd) => {
          if (how === 'removed') fs.rmdirSync(inner)
          else fs.renameSync(other, inner)
          fs.fchmodSync(fd, 0o711)
          fs.futimesSync(fd, 1000, 2000)
          fs.fsyncSync(fd)
          const { mode, mtimeMs, nlink } = fs.fstatSync(fd)
          assert.deepEqual({ mode: mode & 0o7777, mtimeMs, nlink }, { mode: 0o711, mtimeMs: 2_000_000, nlink: 0 })
        })
      },
      { skip },
    )

  test(
    'a directory or file without a name still tells what it was',
    (directory) => {
      const inner = join(directory, 'inner')
      fs.mkdirSync(inner)
      withFile(inner, 'r', (fd) => {
        fs.rmdirSync(inner)
        assert.equal(fs.fstatSync(fd).nlink, 0)
      })
    },
    { skip },
  )
})
