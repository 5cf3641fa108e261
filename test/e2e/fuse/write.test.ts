import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, assertFails, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('write', ({ lasts, test }) => {
  lasts('an overwritten range changes, and nothing beside it', (directory) => {
    const path = join(directory, 'file')
    const expected = noise(300_000)
    fs.writeFileSync(path, expected)
    for (const [index, offset] of [0, 4095, 65_530, 131_072, 299_990].entries()) {
      const piece = noise(10, index + 1)
      withFile(path, 'r+', (fd) => fs.writeSync(fd, piece, 0, 10, offset))
      piece.copy(expected, offset)
    }
    return () => assertContent(path, expected)
  })

  lasts('a long row of small writes is the same as one large one', (directory) => {
    const path = join(directory, 'file')
    const expected = noise(400_000)
    withFile(path, 'w', (fd) => {
      for (let offset = 0; offset < expected.length; offset += 1000) fs.writeSync(fd, expected, offset, 1000)
    })
    return () => assertContent(path, expected)
  })

  lasts('writes from back to front', (directory) => {
    const path = join(directory, 'file')
    const expected = noise(200_000)
    withFile(path, 'w', (fd) => {
      for (let offset = expected.length - 5000; offset >= 0; offset -= 5000)
        fs.writeSync(fd, expected, offset, 5000, offset)
    })
    return () => assertContent(path, expected)
  })

  lasts('after fsync and the death of the daemon the bytes are there', (directory) => {
    const path = join(directory, 'file')
    withFile(path, 'w', (fd) => {
      fs.writeSync(fd, noise(100_000))
      fs.fsyncSync(fd)
      fs.fdatasyncSync(fd)
    })
    return () => assertContent(path, noise(100_000))
  })

  test('a handle opened for reading cannot write, and the other way round', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'content')
    withFile(path, 'r', (fd) => assertFails('EBADF', () => fs.writeSync(fd, 'x')))
    withFile(path, 'a', (fd) => assertFails('EBADF', () => fs.readSync(fd, Buffer.alloc(1))))
  })

  test('reads stop at the end of the file', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'content')
    withFile(path, 'r', (fd) => {
      assert.equal(fs.readSync(fd, Buffer.alloc(100), 0, 100, 4), 3)
      assert.equal(fs.readSync(fd, Buffer.alloc(100), 0, 100, 7), 0)
      assert.equal(fs.readSync(fd, Buffer.alloc(100), 0, 100, 1000), 0)
    })
  })

  test('a reader sees what another handle writes', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, noise(200_000, 1))
    withFile(path, 'r', (reader) => {
      const seen = Buffer.alloc(200_000)
      fs.readSync(reader, seen, 0, seen.length, 0)
      fs.writeFileSync(path, noise(200_000, 2), { flag: 'r+' })
      fs.readSync(reader, seen, 0, seen.length, 0)
      assert(seen.equals(noise(200_000, 2)))
    })
  })
})
