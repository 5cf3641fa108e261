import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ReadAhead } from '../../../src/vfs/read-ahead.ts'

const MIB = 1024 * 1024
const READ_BYTES = 128 * 1024

test('a sequential reader has its window grow, up to the limit, and asks for nothing twice', () => {
  const ahead = new ReadAhead(4 * MIB)
  let reached = 0
  let widest = 0
  for (let offset = 0; offset < 64 * MIB; offset += READ_BYTES) {
    const range = ahead.note(offset, READ_BYTES)
    if (range === undefined) continue
    assert.equal(range.from, reached)
    assert.ok(range.to > range.from)
    assert.ok(range.to <= offset + READ_BYTES + 4 * MIB)
    reached = range.to
    widest = Math.max(widest, range.to - offset - READ_BYTES)
  }
  assert.ok(reached >= 64 * MIB)
  assert.equal(widest, 4 * MIB)
})

test('parts of one read may come in any order', () => {
  const ahead = new ReadAhead(4 * MIB)
  ahead.note(0, READ_BYTES)
  ahead.note(2 * READ_BYTES, READ_BYTES)
  ahead.note(READ_BYTES, READ_BYTES)
  const range = ahead.note(3 * READ_BYTES, READ_BYTES)
  assert.ok(range === undefined || range.to > 4 * READ_BYTES)
})

test('jumping about opens nothing ahead', () => {
  const ahead = new ReadAhead(4 * MIB)
  for (const offset of [900, 20, 500, 70, 333]) assert.equal(ahead.note(offset * MIB, 4096), undefined)
})

test('never asks for more than the window, nor backwards', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(50 * MIB), fc.integer({ min: 1, max: MIB })), { maxLength: 50 }), (reads) => {
      const ahead = new ReadAhead(MIB)
      for (const [offset, length] of reads) {
        const range = ahead.note(offset, length)
        if (range !== undefined) assert.ok(range.from < range.to && range.to - offset <= 2 * MIB + length)
      }
    }),
  )
})
