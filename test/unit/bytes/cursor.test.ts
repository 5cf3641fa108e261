import assert from 'node:assert/strict'
import test from 'node:test'
import { Reader, Writer } from '../../../src/bytes/cursor.ts'

test('fields come back in the order in which they were written', () => {
  const bytes = new Writer()
    .u8(0xff)
    .u16(0xfffe)
    .u32(0xffff_fffd)
    .u53(Number.MAX_SAFE_INTEGER)
    .u64(2n ** 64n - 1n)
    .i64(-(2n ** 63n))
    .bytes(Buffer.from('abc'))
    .finish()
  const reader = new Reader(bytes)
  assert.equal(reader.u8(), 0xff)
  assert.equal(reader.u16(), 0xfffe)
  assert.equal(reader.u32(), 0xffff_fffd)
  assert.equal(reader.u53(), Number.MAX_SAFE_INTEGER)
  assert.equal(reader.u64(), 2n ** 64n - 1n)
  assert.equal(reader.i64(), -(2n ** 63n))
  assert.equal(reader.remaining, 3)
  assert.equal(reader.bytes(3).toString(), 'abc')
  reader.end()
})

test('fields are little-endian', () => {
  const bytes = new Writer().u16(0x0102).u32(0x03040506).u53(0x0a_0b0c0d0e).finish()
  assert.equal(bytes.toString('hex'), '0201060504030e0d0c0b0a000000')
})

test('a writer grows to what is written', () => {
  const large = Buffer.alloc(100_000, 7)
  const bytes = new Writer().u8(1).bytes(large).u8(2).finish()
  assert.equal(bytes.length, 100_002)
  assert.deepEqual(bytes.subarray(1, -1), large)
  assert.equal(bytes.at(-1), 2)
})

test('bytes that are only viewed stay where they are, in their place among the others', () => {
  const viewed = Buffer.alloc(1000, 7)
  const pieces = new Writer().u8(1).view(viewed).u16(2).bytes(Buffer.alloc(500, 3)).view(viewed).pieces()
  assert.equal(pieces.filter((piece) => piece === viewed).length, 2)
  const expected = [Buffer.of(1), viewed, Buffer.of(2, 0), Buffer.alloc(500, 3), viewed]
  assert.deepEqual(Buffer.concat(pieces), Buffer.concat(expected))
})

test('a writer refuses what its field cannot hold', () => {
  assert.throws(() => new Writer().u8(256), RangeError)
  assert.throws(() => new Writer().u53(-1), RangeError)
  assert.throws(() => new Writer().u53(2 ** 53), RangeError)
  assert.throws(() => new Writer().u53(1.5), RangeError)
})

test('reading past the end is corrupt, whatever the field', () => {
  const short = Buffer.alloc(0)
  const reads: ((reader: Reader) => unknown)[] = [
    (reader) => reader.u8(),
    (reader) => reader.u16(),
    (reader) => reader.u32(),
    (reader) => reader.u53(),
    (reader) => reader.u64(),
    (reader) => reader.i64(),
    (reader) => reader.bytes(1),
    (reader) => reader.bytes(-1),
    (reader) => reader.bytes(2 ** 53),
    (reader) => reader.bytes(Number.NaN),
  ]
  for (const read of reads) assert.throws(() => read(new Reader(short)), { kind: 'corrupt' })
})

test('a number beyond 2^53 - 1 is corrupt', () => {
  const bytes = new Writer().u64(2n ** 53n).finish()
  assert.throws(() => new Reader(bytes).u53(), { kind: 'corrupt' })
})

test('bytes left at the end are corrupt', () => {
  assert.throws(() => new Reader(Buffer.alloc(1)).end(), { kind: 'corrupt' })
})

test('a reader of a part of a buffer stays inside it', () => {
  const reader = new Reader(Buffer.from('abcdef').subarray(2, 4))
  assert.equal(reader.bytes(2).toString(), 'cd')
  assert.throws(() => reader.u8(), { kind: 'corrupt' })
})
