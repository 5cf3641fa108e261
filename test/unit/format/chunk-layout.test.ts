import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CHUNK_BYTES_MAX,
  chunkBytes,
  chunkCount,
  chunkIndexAt,
  chunkStart,
  FRAME_BYTES,
} from '../../../src/format/chunk-layout.ts'
import { readVectors } from './vectors.ts'

const [zones, counts] = readVectors('chunk-layout').valid

test('chunk layout: chunks around the borders of the zones are as in the vectors', () => {
  for (const { offset, index, start, bytes } of zones!.value as Record<string, number>[]) {
    assert.equal(chunkIndexAt(offset!), index)
    assert.equal(chunkStart(index!), start)
    assert.equal(chunkBytes(index!), bytes)
  }
})

test('chunk layout: files have as many chunks as in the vectors', () => {
  for (const { size, chunks } of counts!.value as Record<string, number>[]) assert.equal(chunkCount(size!), chunks)
})

test('chunk layout: each chunk begins where the one before it ends, and is made of whole frames', () => {
  for (let index = 0; index < 2000; index++) {
    assert.equal(chunkStart(index) + chunkBytes(index), chunkStart(index + 1))
    assert.equal(chunkBytes(index) % FRAME_BYTES, 0)
    assert(chunkBytes(index) <= CHUNK_BYTES_MAX)
  }
})

test('chunk layout: every offset lies in the chunk of its index', () => {
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(2 ** 28)), (offset) => {
      const index = chunkIndexAt(offset)
      const within = offset - chunkStart(index)
      assert(within >= 0 && within < chunkBytes(index))
      assert.equal(chunkCount(offset), within === 0 ? index : index + 1)
    }),
  )
})

test('chunk layout: what is no offset and no index is a fault of the caller', () => {
  for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => chunkIndexAt(wrong), assert.AssertionError)
    assert.throws(() => chunkBytes(wrong), assert.AssertionError)
  }
})
