import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('append', ({ lasts, test }) => {
  lasts('O_APPEND writes at the end, wherever that is by now', (directory) => {
    const path = join(directory, 'log')
    fs.writeFileSync(path, 'one ')
    withFile(path, 'a', (fd) => {
      fs.writeSync(fd, 'two ')
      fs.appendFileSync(path, 'three ')
      fs.writeSync(fd, 'four')
    })
    return () => assertContent(path, 'one two three four')
  })

  lasts('a file grows by appends over the size that fits its stub, and over chunks', (directory) => {
    const path = join(directory, 'log')
    const pieces = Array.from({ length: 80 }, (_, index) => noise(2000, index + 1))
    for (const piece of pieces) fs.appendFileSync(path, piece)
    return () => assertContent(path, Buffer.concat(pieces))
  })

  test('two writers that append lose nothing of each other', (directory) => {
    const path = join(directory, 'log')
    const writers = [fs.openSync(path, 'a'), fs.openSync(path, 'a')]
    for (let line = 0; line < 100; line++) fs.writeSync(writers[line % 2]!, `line ${line}\n`)
    for (const fd of writers) fs.closeSync(fd)
    assertContent(path, Array.from({ length: 100 }, (_, line) => `line ${line}\n`).join(''))
  })
})
