import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertFails, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('unlink', ({ lasts, test }) => {
  lasts('a removed file is gone', (directory) => {
    fs.writeFileSync(join(directory, 'file'), 'content')
    fs.unlinkSync(join(directory, 'file'))
    return () => {
      assert.deepEqual(fs.readdirSync(directory), [])
      assertFails('ENOENT', () => fs.statSync(join(directory, 'file')))
    }
  })

  lasts('a file removed while open is read and written through its handle, and leaves nothing behind', (directory) => {
    const path = join(directory, 'file')
    withFile(path, 'w+', (fd) => {
      fs.writeSync(fd, noise(100_000, 1))
      fs.unlinkSync(path)
      fs.writeSync(fd, noise(100_000, 2))
      fs.fsyncSync(fd)
      const content = Buffer.alloc(200_000)
      assert.equal(fs.readSync(fd, content, 0, content.length, 0), 200_000)
      assert(content.equals(Buffer.concat([noise(100_000, 1), noise(100_000, 2)])))
      assert.equal(fs.fstatSync(fd).nlink, 0)
      fs.ftruncateSync(fd, 7)
      assert.equal(fs.fstatSync(fd).size, 7)
      assert.deepEqual(fs.readdirSync(directory), [])
    })
    return () => assert.deepEqual(fs.readdirSync(directory), [])
  })

  lasts('a new file under the name of a removed open one is another file', (directory) => {
    const path = join(directory, 'file')
    withFile(path, 'w+', (old) => {
      fs.writeSync(old, 'old')
      fs.unlinkSync(path)
      fs.writeFileSync(path, 'new')
      fs.writeSync(old, ' and removed')
    })
    return () => assert.equal(fs.readFileSync(path, 'utf8'), 'new')
  })

  test('a directory with something in it is not removed', (directory) => {
    fs.mkdirSync(join(directory, 'sub'))
    fs.writeFileSync(join(directory, 'sub', 'file'), '')
    assertFails('ENOTEMPTY', () => fs.rmdirSync(join(directory, 'sub')))
    assertFails('EISDIR', () => fs.unlinkSync(join(directory, 'sub')))
    assertFails('ENOTDIR', () => fs.rmdirSync(join(directory, 'sub', 'file')))
    fs.unlinkSync(join(directory, 'sub', 'file'))
    fs.rmdirSync(join(directory, 'sub'))
    assert.deepEqual(fs.readdirSync(directory), [])
  })

  test('rm -rf of a deep tree works while it is listed', (directory) => {
    for (let index = 0; index < 200; index++) {
      fs.mkdirSync(join(directory, 'tree', `${index % 20}`), { recursive: true })
      fs.writeFileSync(join(directory, 'tree', `${index % 20}`, `file-${index}`), `${index}`)
    }
    fs.rmSync(join(directory, 'tree'), { recursive: true })
    assert.deepEqual(fs.readdirSync(directory), [])
  })
})
