import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('times', ({ lasts, test }) => {
  for (const mtime of [0, 1, 1_600_000_000.25, 4_000_000_000])
    lasts(`mtime ${mtime} is kept`, (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, noise(80_000))
      fs.utimesSync(path, mtime, mtime)
      return () => assert.equal(fs.statSync(path).mtimeMs, mtime * 1000)
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
