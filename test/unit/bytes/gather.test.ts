import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { gather, lengthOfAll } from '../../../src/bytes/gather.ts'

test('what is gathered are the same bytes, in pieces of one length but the last', () => {
  const anyPieces = fc.array(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)))
  fc.assert(
    fc.property(anyPieces, fc.integer({ min: 1, max: 50 }), (pieces, pieceBytes) => {
      const gathered = Array.from(gather(pieces, pieceBytes), (piece) => Buffer.from(piece))
      assert.deepEqual(Buffer.concat(gathered), Buffer.concat(pieces))
      for (const { length } of gathered.slice(0, -1)) assert.equal(length, pieceBytes)
      assert.equal(gathered.length, Math.ceil(lengthOfAll(pieces) / pieceBytes))
    }),
  )
})

test('nothing gathers to nothing', () => {
  assert.deepEqual([...gather([Buffer.alloc(0)], 10)], [])
})
