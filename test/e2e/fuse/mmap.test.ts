import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { Mapping } from '../../support/syscalls.ts'
import { assertContent, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('mmap', ({ lasts, test }) => {
  test('a mapped file shows its content', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, noise(200_000))
    withFile(path, 'r+', (fd) => {
      using mapping = new Mapping(fd, 200_000)
      assert(noise(200_000).equals(mapping.bytes))
    })
  })

  lasts('what is changed through a mapping is in the file', (directory) => {
    const path = join(directory, 'file')
    const expected = noise(200_000)
    fs.writeFileSync(path, expected)
    withFile(path, 'r+', (fd) => {
      using mapping = new Mapping(fd, 200_000)
      for (const offset of [0, 65_535, 65_536, 199_999]) mapping.bytes[offset] = expected[offset]! ^= 0xff
      mapping.sync()
      fs.fsyncSync(fd)
    })
    return () => assertContent(path, expected)
  })

  lasts('changes that nobody synced are in the file once it is closed', (directory) => {
    const path = join(directory, 'file')
    const expected = noise(100_000)
    fs.writeFileSync(path, expected)
    const fd = fs.openSync(path, 'r+')
    {
      using mapping = new Mapping(fd, 100_000)
      mapping.bytes.fill(9, 1000, 2000)
      expected.fill(9, 1000, 2000)
    }
    fs.closeSync(fd)
    return () => assertContent(path, expected)
  })
})
