import assert from 'node:assert/strict'
import test from 'node:test'
import { formatBytes, formatCount, formatError, formatTable, printable } from '../../../src/cli/output.ts'
import { DfsError } from '../../../src/errors.ts'

test('lengths are told in binary units', () => {
  const told = [0, 17, 1023, 1024, 1536, 150 * 1024, 1024 ** 3, 2 ** 53].map(formatBytes)
  assert.deepEqual(told, ['0 B', '17 B', '1023 B', '1.0 KiB', '1.5 KiB', '150 KiB', '1.0 GiB', '8.0 PiB'])
  assert.deepEqual([formatCount(1, 'file'), formatCount(2, 'file')], ['1 file', '2 files'])
})

test('no control character of a name reaches the terminal', () => {
  assert.equal(printable('a\x1b[31mb\x07\x9bé\n'), 'a\\x1b[31mb\\x07\\x9bé\n')
})

test('an error is one line with the mend', () => {
  const error = new DfsError('busy', 'is in use\nby vim', { subject: '/a', mend: 'close it' })
  assert.equal(formatError(error), 'dfs: /a: is in use by vim; close it')
})

test('columns line up', () => {
  assert.equal(
    formatTable([
      ['a', 'b'],
      ['long', 'c'],
    ]),
    'a     b\nlong  c',
  )
})

test('one very long cell pushes only its own row', () => {
  const long = 'x'.repeat(200)
  const rows = [
    ['a', 'b', 'c'],
    ['a', long, 'c'],
  ]
  assert.equal(formatTable(rows), `a  b  c\na  ${long}  c`)
})
