import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import test from 'node:test'
import { WriteStream } from 'node:tty'
import { fold, formatLines } from '../../../src/cli/lines.ts'

const streamWith = (properties: object) => Object.assign(new PassThrough(), properties) as unknown as NodeJS.WriteStream
const terminal = (columns: number) =>
  streamWith({ isTTY: true, columns, getColorDepth: WriteStream.prototype.getColorDepth })
const pipe = streamWith({})

test('a long line goes on below its last column', () => {
  assert.equal(fold('home   a path and some more words', 24), 'home   a path and some\n       more words')
  assert.equal(fold('  local  17 files, and 3.5 GiB', 22), '  local  17 files, and\n         3.5 GiB')
  assert.equal(fold('words without any columns at all', 20), 'words without any\ncolumns at all')
})

test('what has no spaces is not broken, and what fits is left alone', () => {
  assert.equal(fold('store  /a/very/long/path/indeed and more', 20), 'store  /a/very/long/path/indeed\n       and more')
  assert.equal(fold('/a/very/long/path/that/has/no/space', 20), '/a/very/long/path/that/has/no/space')
  assert.equal(fold('short', 20), 'short')
  assert.equal(fold('nothing can be read here', 5), 'nothing can be read here')
})

test('every width keeps all the words, and ends', () => {
  const line = '  some key   a value that is long enough to be folded more than once, with  two  spaces in it'
  const words = line.split(/\s+/)
  for (let columns = 1; columns <= line.length; columns++) assert.deepEqual(fold(line, columns).split(/\s+/), words)
})

test('colours and folds are for terminals alone, and NO_COLOR is heeded', (t) => {
  const line = [{ tone: 'bad', text: 'problem  it is \x1b[0m not safe, as you see' }] as const
  const before = process.env
  t.after(() => {
    process.env = before
  })
  process.env = { TERM: 'xterm' }
  assert.equal(formatLines(line, pipe), 'problem  it is \\x1b[0m not safe, as you see')
  assert.equal(
    formatLines(line, terminal(24)),
    '\x1b[31mproblem  it is \\x1b[0m\n         not safe, as\n         you see\x1b[39m',
  )
  process.env.NO_COLOR = '1'
  assert.equal(formatLines(line, terminal(80)), 'problem  it is \\x1b[0m not safe, as you see')
})
