import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { runOk } from '../support/process.ts'

const GIB = 2 ** 30

mountedSuite('sparse files', ({ lasts }) => {
  lasts('what was never written is read as zeroes', (directory) => {
    const path = join(directory, 'file')
    withFile(path, 'w', (fd) => {
      fs.writeSync(fd, 'start', 0)
      fs.writeSync(fd, 'end', 20 * 2 ** 20)
    })
    const expected = Buffer.alloc(20 * 2 ** 20 + 3)
    expected.write('start')
    expected.write('end', 20 * 2 ** 20)
    return () => assertContent(path, expected)
  })

  lasts(
    'a file that has no hole takes as much room as it has bytes, from the moment it is closed or copied',
    async (directory) => {
      const [path, copy] = [join(directory, 'file'), join(directory, 'copy')]
      fs.writeFileSync(path, noise(12_000_000))
      const isFull = (name: string) => fs.statSync(name).blocks * 512 >= 12_000_000
      assert(isFull(path))
      await runOk('cp', [path, copy])
      return () => assert(isFull(path) && isFull(copy))
    },
  )

  lasts('a file of 100 GiB with two bytes in it costs next to nothing', (directory) => {
    const path = join(directory, 'file')
    const places = [0, 50 * GIB + 123, 100 * GIB - 1]
    withFile(path, 'w', (fd) => {
      for (const place of places) fs.writeSync(fd, 'x', place)
    })
    return () =>
      withFile(path, 'r', (fd) => {
        assert.equal(fs.fstatSync(fd).size, 100 * GIB)
        assert(fs.fstatSync(fd).blocks * 512 < 2 ** 26, 'few blocks are said to be used')
        const around = Buffer.alloc(3)
        for (const place of places) {
          const start = Math.max(0, place - 1)
          const got = fs.readSync(fd, around, 0, 3, start)
          assert.equal(around.toString('latin1', 0, got).replaceAll('\0', ''), 'x')
        }
      })
  })

  lasts('a hole filled later holds what was written', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, '')
    fs.truncateSync(path, 10 * 2 ** 20)
    withFile(path, 'r+', (fd) => fs.writeSync(fd, 'in the middle', 5 * 2 ** 20))
    const expected = Buffer.alloc(10 * 2 ** 20)
    expected.write('in the middle', 5 * 2 ** 20)
    return () => assertContent(path, expected)
  })
})
