import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('truncate', ({ lasts, test }) => {
  for (const [from, to] of [
    [200_000, 100_000],
    [200_000, 65_536],
    [200_000, 10],
    [200_000, 0],
    [10, 200_000],
    [0, 70_000],
  ] as const)
    lasts(`${from} bytes become ${to}, zeroes where there was nothing`, (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, noise(from))
      fs.truncateSync(path, to)
      const expected = Buffer.alloc(to)
      noise(from).copy(expected)
      return () => assertContent(path, expected)
    })

  lasts('what was cut off does not come back when the file grows again', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, noise(150_000))
    withFile(path, 'r+', (fd) => {
      fs.ftruncateSync(fd, 1000)
      fs.ftruncateSync(fd, 150_000)
    })
    const expected = Buffer.alloc(150_000)
    noise(150_000).copy(expected, 0, 0, 1000)
    return () => assertContent(path, expected)
  })

  test('ftruncate on an open handle is seen through it, and by path, at once', (directory) => {
    const path = join(directory, 'file')
    withFile(path, 'w+', (fd) => {
      fs.writeSync(fd, noise(100_000))
      fs.ftruncateSync(fd, 5)
      assert.equal(fs.fstatSync(fd).size, 5)
      assert.equal(fs.statSync(path).size, 5)
      assert.equal(fs.readSync(fd, Buffer.alloc(100), 0, 100, 0), 5)
    })
  })

  lasts('O_TRUNC empties a file and what is written then is all there is', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, noise(100_000))
    fs.writeFileSync(path, 'short')
    return () => assertContent(path, 'short')
  })

  for (const [how, flags] of [
    ['to be written', fs.constants.O_WRONLY],
    ['to be read', fs.constants.O_RDONLY],
  ] as const)
    lasts(`O_TRUNC empties a file that is opened ${how}, and left so`, (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, noise(100_000))
      withFile(path, flags | fs.constants.O_TRUNC, () => {})
      return () => assertContent(path, '')
    })

  lasts('a file that one program cuts to nothing while another makes it longer is as long as it seems', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, '')
    const forASecond = (call: string) =>
      `const fs = require('node:fs'), end = Date.now() + 1000; while (Date.now() < end) fs.${call}`
    const script = '"$0" -e "$2" "$1" & "$0" -e "$3" "$1" & wait'
    const calls = ["writeFileSync(process.argv[1], 'short')", 'truncateSync(process.argv[1], 200_000)'].map(forASecond)
    assert.equal(spawnSync('sh', ['-c', script, process.execPath, path, ...calls], { stdio: 'inherit' }).status, 0)
    const { size } = fs.statSync(path)
    return () => {
      assert.equal(fs.statSync(path).size, size)
      assert.equal(fs.readFileSync(path).length, size)
    }
  })

  test('a truncated file has a new mtime', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'content')
    fs.utimesSync(path, 1, 1)
    fs.truncateSync(path, 3)
    assert(fs.statSync(path).mtimeMs > 1000)
  })
})
