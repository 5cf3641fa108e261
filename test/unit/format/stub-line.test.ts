import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { requireStubVersion, STUB_LINE, STUB_LINE_BYTES, stubKind } from '../../../src/format/stub-line.ts'
import { anyBytes, assertRefusesDamage } from './arbitraries.ts'
import { refusalOf } from './vectors.ts'

const newer = Buffer.from('dfs stub 12 - Some other text. (dfs stub 12)'.padEnd(STUB_LINE_BYTES - 1).concat('\n'))

test('stub line: is 256 bytes of printable ASCII and one line break at the end', () => {
  assert.equal(STUB_LINE.length, STUB_LINE_BYTES)
  assert.match(STUB_LINE.toString('latin1'), /^[ -~]{255}\n$/)
})

test('stub line: tells stubs from empty and plain files', () => {
  assert.equal(stubKind(Buffer.alloc(0)), 'empty')
  assert.equal(stubKind(STUB_LINE), 'stub')
  assert.equal(stubKind(Buffer.concat([STUB_LINE, Buffer.alloc(100, 1)])), 'stub')
  assert.equal(stubKind(newer), 'stub')
  for (const text of [
    'x',
    '      program hello\n      end\n',
    'dfs stub 1 is what I call it\n',
    ' '.repeat(300),
    '\n',
  ]) {
    assert.equal(stubKind(Buffer.from(text)), 'plain', JSON.stringify(text))
  }
})

test('stub line: a stub of a newer version is a stub and is refused as newer', () => {
  assert.equal(refusalOf(() => requireStubVersion(newer))?.kind, 'newer-version')
  assert.equal(
    refusalOf(() => requireStubVersion(STUB_LINE)),
    undefined,
  )
  assert.equal(refusalOf(() => requireStubVersion(Buffer.from('plain')))?.kind, 'corrupt')
})

test('stub line: any single flipped bit leaves a stub that can be opened', () => {
  for (let bit = 0; bit < STUB_LINE_BYTES * 8; bit++) {
    const line = Buffer.from(STUB_LINE)
    line[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(stubKind(line), 'stub')
    requireStubVersion(line)
  }
})

test('stub line: up to 16 damaged bytes, or a line cut short, leave a stub', () => {
  const anyPlaces = fc.uniqueArray(fc.nat(STUB_LINE_BYTES - 1), { maxLength: 16 })
  fc.assert(
    fc.property(anyPlaces, (places) => {
      const line = Buffer.from(STUB_LINE)
      for (const place of places) line[place] = 0
      assert.equal(stubKind(line), 'stub')
    }),
  )
  for (let length = 16; length < STUB_LINE_BYTES; length++)
    assert.equal(stubKind(STUB_LINE.subarray(0, length)), 'stub')
})

test('stub line: noise is plain, and no bytes at all do worse than be refused', () => {
  fc.assert(fc.property(anyBytes({ minLength: 32, maxLength: 300 }), (bytes) => stubKind(bytes) === 'plain'))
  assertRefusesDamage(fc.constantFrom(STUB_LINE, newer), requireStubVersion)
})
