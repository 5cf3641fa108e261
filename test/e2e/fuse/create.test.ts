import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, assertFails, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('create', ({ lasts, test }) => {
  for (const size of [0, 1, 3000, 4096, 65535, 65536, 65537, 1_000_000])
    lasts(`a file of ${size} bytes is read as it was written`, (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, noise(size))
      return () => {
        assertContent(path, noise(size))
        assert.equal(fs.statSync(path).size, size)
      }
    })

  test('what is written is read through other handles before anyone closes the file', (directory) => {
    const path = join(directory, 'file')
    withFile(path, 'w', (fd) => {
      fs.writeSync(fd, 'before close')
      assertContent(path, 'before close')
      assert.equal(fs.statSync(path).size, 12)
    })
  })

  test('O_EXCL fails on a name that is taken, and leaves the file alone', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'first')
    assertFails('EEXIST', () => fs.writeFileSync(path, 'second', { flag: 'wx' }))
    assertContent(path, 'first')
  })

  lasts('the mode is what was asked for, less the umask', (directory) => {
    const path = join(directory, 'file')
    const umask = process.umask(0o027)
    fs.writeFileSync(path, 'x', { mode: 0o666 })
    process.umask(umask)
    return () => assert.equal(fs.statSync(path).mode & 0o7777, 0o640)
  })

  lasts('a file that may not be written can be written through the handle that made it', (directory) => {
    const path = join(directory, 'file')
    const fd = fs.openSync(path, 'wx', 0o400)
    fs.writeSync(fd, 'read-only from birth')
    fs.closeSync(fd)
    return () => {
      assertContent(path, 'read-only from birth')
      assert.equal(fs.statSync(path).mode & 0o777, 0o400)
    }
  })

  lasts('a file belongs to whoever made it', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'mine')
    return () => {
      assert.equal(fs.statSync(path).uid, process.getuid!())
      assert.equal(fs.statSync(path).gid, process.getgid!())
    }
  })

  test('a file below a file, and in a directory that is not there, cannot be made', (directory) => {
    fs.writeFileSync(join(directory, 'file'), '')
    assertFails('ENOTDIR', () => fs.writeFileSync(join(directory, 'file', 'below'), ''))
    assertFails('ENOENT', () => fs.writeFileSync(join(directory, 'nowhere', 'file'), ''))
  })

  test('hundreds of open handles are fine', (directory) => {
    const fds = Array.from({ length: 500 }, (_, index) => fs.openSync(join(directory, `${index}`), 'w+'))
    for (const [index, fd] of fds.entries()) fs.writeSync(fd, `number ${index}`)
    for (const fd of fds) fs.closeSync(fd)
    for (const index of fds.keys()) assertContent(join(directory, `${index}`), `number ${index}`)
  })
})
