import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, assertFails, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { until } from '../support/process.ts'

mountedSuite('link', ({ lasts, test }) => {
  lasts('both names are one file: inode number, link count, content', (directory) => {
    const [a, b] = [join(directory, 'a'), join(directory, 'b')]
    fs.writeFileSync(a, noise(10_000))
    fs.linkSync(a, b)
    return () => {
      assert.equal(fs.statSync(a).ino, fs.statSync(b).ino)
      assert.equal(fs.statSync(a).nlink, 2)
      assertContent(b, noise(10_000))
    }
  })

  lasts('an edit through one name is seen through the other', (directory) => {
    const [a, b] = [join(directory, 'a'), join(directory, 'b')]
    fs.writeFileSync(a, noise(100_000, 1))
    fs.linkSync(a, b)
    fs.writeFileSync(b, noise(100_000, 2), { flag: 'r+' })
    fs.appendFileSync(a, 'tail')
    return () => {
      assertContent(a, Buffer.concat([noise(100_000, 2), Buffer.from('tail')]))
      assertContent(b, Buffer.concat([noise(100_000, 2), Buffer.from('tail')]))
    }
  })

  lasts('a file lives while one of its names does', (directory) => {
    const [a, b] = [join(directory, 'a'), join(directory, 'b')]
    fs.writeFileSync(a, noise(100_000))
    fs.linkSync(a, b)
    fs.unlinkSync(a)
    return () => {
      assertContent(b, noise(100_000))
      assert.equal(fs.statSync(b).nlink, 1)
    }
  })

  test('an open unlinked file is still seen through its other name', async (directory) => {
    const [a, b] = [join(directory, 'a'), join(directory, 'b')]
    withFile(a, 'w', (fd) => {
      fs.linkSync(a, b)
      fs.unlinkSync(a)
      fs.writeSync(fd, 'written late')
    })
    // A driver that knows files by their paths tells the kernel of each name apart.
    await until('the other name shows it', () => fs.readFileSync(b, 'utf8') === 'written late')
  })

  test('a link is not made over something, nor of a directory', (directory) => {
    fs.writeFileSync(join(directory, 'a'), 'a')
    fs.writeFileSync(join(directory, 'b'), 'b')
    assertFails('EEXIST', () => fs.linkSync(join(directory, 'a'), join(directory, 'b')))
    assertFails('EPERM', () => fs.linkSync(directory, join(directory, 'directory')))
    assertContent(join(directory, 'b'), 'b')
  })
})
