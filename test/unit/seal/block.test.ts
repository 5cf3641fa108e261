import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BlockRef } from '../../../src/dfs.ts'
import { frameCountOf, headBytes } from '../../../src/format/block.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES } from '../../../src/format/chunk-layout.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import { contentHash, digestOf } from '../../../src/seal/hash.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { impliedFrameTable, openBlock, openFrame, readFrameTable } from '../../../src/seal/open-block.ts'
import { sealBlock } from '../../../src/seal/seal-block.ts'

const keys = Keys.derive(Buffer.alloc(32, 1))
const others = Keys.derive(Buffer.alloc(32, 2))
const text = (length: number) => Buffer.alloc(length, 'All that is gold does not glitter. ')

/** Compressible at the front of each frame or not at all, as `pattern` says. */
function mixed(pattern: boolean[], lastBytes: number): Buffer {
  const frames = pattern.map((compressible, i) => {
    const length = i === pattern.length - 1 ? lastBytes : FRAME_BYTES
    return compressible ? text(length) : randomBytes(length)
  })
  return Buffer.concat(frames)
}

test('what is sealed opens again, whatever its length and content', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
      fc.oneof(fc.constantFrom(1, 2, FRAME_BYTES - 1, FRAME_BYTES), fc.integer({ min: 1, max: FRAME_BYTES })),
      fc.constantFrom('data' as const, 'node' as const),
      (pattern, lastBytes, kind) => {
        const plain = mixed(pattern, lastBytes)
        const { ref, bytes } = sealBlock(kind, plain, keys)
        assert.ok(openBlock(bytes, ref).equals(plain))
        assert.equal(ref.cid, cidOfDigest(digestOf(bytes)))
        assert.deepEqual([ref.plainBytes, ref.sealedBytes], [plain.length, bytes.length])
        assert.deepEqual(ref.hash, contentHash(keys, plain))
      },
    ),
    { numRuns: 40 },
  )
})

test('a full chunk seals and opens', () => {
  const plain = randomBytes(CHUNK_BYTES_MAX)
  const { ref, bytes } = sealBlock('data', plain, keys)
  assert.ok(openBlock(bytes, ref).equals(plain))
})

test('every frame opens on its own', () => {
  const plain = mixed([true, false, true, true], 500)
  const { ref, bytes } = sealBlock('data', plain, keys)
  const table = readFrameTable(bytes.subarray(0, headBytes(frameCountOf(plain.length))), ref)
  for (const [index, { offset, bytes: length }] of table.frames.entries()) {
    const frame = openFrame(table, index, bytes.subarray(offset, offset + length), ref)
    assert.ok(frame.equals(plain.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES)))
  }
})

test('of what was not compressed, the length tells where the frames are', () => {
  for (const [frames, lastBytes] of [
    [1, 1],
    [1, FRAME_BYTES],
    [3, 500],
  ] as const) {
    const { ref, bytes } = sealBlock('data', mixed(Array(frames).fill(false), lastBytes), keys)
    const { frames: places, aad } = readFrameTable(bytes, ref)
    const implied = impliedFrameTable(ref)
    assert.deepEqual([implied?.frames, implied?.aad], [places, aad])
  }
  assert.equal(impliedFrameTable(sealBlock('data', mixed([true, false], 500), keys).ref), undefined)
  assert.equal(impliedFrameTable(sealBlock('data', text(5000), keys).ref), undefined)
})

test('what compresses is stored shorter, what does not is stored as it is', () => {
  assert.ok(sealBlock('data', text(FRAME_BYTES), keys).bytes.length < FRAME_BYTES / 10)
  const noise = mixed([false, true], FRAME_BYTES)
  assert.equal(sealBlock('data', noise, keys).bytes.length, headBytes(2) + noise.length + 2 * 16)
  const growing = mixed([true, false], FRAME_BYTES)
  assert.ok(sealBlock('data', growing, keys).bytes.length < FRAME_BYTES + FRAME_BYTES / 10)
})

test('equal content gives an equal block; another kind or personal key gives another', () => {
  const plain = text(3000)
  const block = sealBlock('data', plain, keys)
  assert.deepEqual(sealBlock('data', Buffer.from(plain), keys), block)
  assert.notDeepEqual(sealBlock('node', plain, keys).ref.key, block.ref.key)
  assert.notEqual(sealBlock('node', plain, keys).ref.cid, block.ref.cid)
  assert.deepEqual(sealBlock('node', plain, keys).ref.hash, block.ref.hash)
  const foreign = sealBlock('data', plain, others)
  assert.notDeepEqual(
    [foreign.ref.cid, foreign.ref.key, foreign.ref.hash],
    [block.ref.cid, block.ref.key, block.ref.hash],
  )
})

test('no plaintext is left in a block', () => {
  const plain = Buffer.concat([Buffer.from('a secret that is easily found'), randomBytes(5000)])
  assert.equal(sealBlock('data', plain, keys).bytes.indexOf('a secret'), -1)
})

test('a flipped bit anywhere is refused', () => {
  const { ref, bytes } = sealBlock('data', text(200), keys)
  for (let i = 0; i < bytes.length; i++) {
    const damaged = Buffer.from(bytes)
    damaged[i]! ^= 1 << (i % 8)
    assert.throws(
      () => openBlock(damaged, ref),
      (error: { kind: string; subject: string }) => {
        assert.match(error.kind, /^(corrupt|newer-version)$/)
        assert.equal(error.subject, ref.cid)
        return true
      },
    )
  }
})

test('a block that is cut short, lengthened, or exchanged for another is refused', () => {
  const { ref, bytes } = sealBlock('data', mixed([false, false], 1000), keys)
  const refuses = (block: Buffer, wanted: BlockRef) =>
    assert.throws(() => openBlock(block, wanted), { kind: 'corrupt' })
  for (const length of [0, 5, 12, 30, headBytes(2), bytes.length - 1]) refuses(bytes.subarray(0, length), ref)
  refuses(Buffer.concat([bytes, Buffer.alloc(1)]), ref)
  const other = sealBlock('data', mixed([false, false], 1000), keys)
  refuses(other.bytes, ref)
  refuses(bytes, { ...ref, plainBytes: ref.plainBytes - 1 })
  refuses(bytes, { ...ref, key: randomBytes(32) })
  for (const length of [0, 12, headBytes(2) - 1]) {
    assert.throws(() => readFrameTable(bytes.subarray(0, length), ref), { kind: 'corrupt' })
  }
})

test('frames cannot change places', () => {
  const { ref, bytes } = sealBlock('data', mixed([false, false], FRAME_BYTES), keys)
  const table = readFrameTable(bytes, ref)
  const { offset, bytes: length } = table.frames[1]!
  assert.throws(() => openFrame(table, 0, bytes.subarray(offset, offset + length), ref), { kind: 'corrupt' })
})

test('a block owns its memory, so that it can be transferred', () => {
  const { bytes } = sealBlock('data', text(100), keys)
  assert.equal(bytes.buffer.byteLength, bytes.length)
})
