import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  BLOCK_BYTES_MAX,
  BLOCK_HEADER_BYTES,
  type BlockHeader,
  decodeBlockHeader,
  decodeFrameTable,
  encodeBlockHeader,
  encodeFrameTable,
  FRAMES_MAX,
  type FrameTable,
  frameCountOf,
  frameNonce,
  frameOffsets,
  framePlainBytes,
  HEAD_BYTES_MAX,
  headBytes,
  TAG_BYTES,
} from '../../../src/format/block.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES } from '../../../src/format/chunk-layout.ts'
import { anyObject, assertRefusesDamage } from './arbitraries.ts'
import { testVectors, type Vector } from './vectors.ts'

const headerOf = ({ header }: Vector) => decodeBlockHeader(Buffer.from(header!, 'hex'))
const frameBytesOf = { 'two frames, one compressed': [40000, 100] } as Record<string, number[]>

testVectors('block', {
  header: { decode: decodeBlockHeader, encode: encodeBlockHeader },
  table: { decode: (bytes, vector) => decodeFrameTable(bytes, headerOf(vector)), encode: encodeFrameTable },
  nonce: { decode: (bytes) => bytes.readUInt32LE(8), encode: frameNonce },
  layout: {
    decode: (_, { name }) => ({ frameBytes: frameBytesOf[name], offsets: frameOffsets(frameBytesOf[name]!) }),
  },
})

const anyHeader: fc.Arbitrary<BlockHeader> = anyObject({
  kind: fc.constantFrom('data', 'node'),
  compression: fc.constantFrom('none', 'zstd'),
  cipher: fc.constant('aes-256-gcm'),
  frameCount: fc.integer({ min: 1, max: FRAMES_MAX }),
})

const anyTable: fc.Arbitrary<FrameTable> = fc
  .tuple(fc.integer({ min: 1, max: CHUNK_BYTES_MAX }), fc.infiniteStream(fc.nat(FRAME_BYTES)))
  .map(([plainBytes, lengths]) => {
    const frameBytes = Array.from({ length: frameCountOf(plainBytes) }, (_, index) => {
      return 1 + (lengths.next().value! % framePlainBytes(plainBytes, index))
    })
    return { plainBytes, frameBytes }
  })

const headerFor = ({ frameBytes }: FrameTable): BlockHeader => ({
  kind: 'data',
  compression: 'zstd',
  cipher: 'aes-256-gcm',
  frameCount: frameBytes.length,
})

test('block: any header comes back, and what follows it is not looked at', () => {
  fc.assert(
    fc.property(anyHeader, (header) => {
      const bytes = encodeBlockHeader(header)
      assert.equal(bytes.length, BLOCK_HEADER_BYTES)
      assert.deepEqual(decodeBlockHeader(Buffer.concat([bytes, Buffer.from('behind')])), header)
    }),
  )
})

test('block: any frame table comes back', () => {
  fc.assert(
    fc.property(anyTable, (table) => {
      assert.deepEqual(decodeFrameTable(encodeFrameTable(table), headerFor(table)), table)
    }),
  )
})

test('block: the frames of any table lie back to back behind the head and within the longest block', () => {
  fc.assert(
    fc.property(anyTable, ({ frameBytes }) => {
      const offsets = frameOffsets(frameBytes)
      assert.equal(offsets[0], headBytes(frameBytes.length))
      assert(offsets[0]! <= HEAD_BYTES_MAX && offsets.at(-1)! <= BLOCK_BYTES_MAX)
      for (const [index, length] of frameBytes.entries()) {
        assert.equal(offsets[index + 1]! - offsets[index]!, length + TAG_BYTES)
      }
    }),
  )
})

test('block: the plaintext of all frames together is the plaintext of the block', () => {
  for (const plainBytes of [1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, CHUNK_BYTES_MAX]) {
    let sum = 0
    for (let index = 0; index < frameCountOf(plainBytes); index++) sum += framePlainBytes(plainBytes, index)
    assert.equal(sum, plainBytes)
  }
})

test('block: damaged headers and tables are refused or read, never worse', () => {
  assertRefusesDamage(anyHeader.map(encodeBlockHeader), decodeBlockHeader)
  for (const frameCount of [1, 2, FRAMES_MAX]) {
    const header: BlockHeader = { kind: 'node', compression: 'zstd', cipher: 'aes-256-gcm', frameCount }
    assertRefusesDamage(anyTable.map(encodeFrameTable), (bytes) => decodeFrameTable(bytes, header))
  }
})
