import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Content, StubState } from '../../../src/dfs.ts'
import { INLINE_BYTES_MAX, SLOT_BYTES, SLOT_OFFSETS, STUB_BYTES_MAX } from '../../../src/format/stub.ts'
import { STUB_LINE } from '../../../src/format/stub-line.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { sealBlock } from '../../../src/seal/seal-block.ts'
import { openStub, openTrailer, sealSlot, sealTrailer } from '../../../src/seal/stub-slot.ts'

const keys = Keys.derive(Buffer.alloc(32, 1), 2)
const others = Keys.derive(Buffer.alloc(32, 2))
/** Where an envelope has the version of its layout. */
const VERSION_AT = 4

function stateOf(
  sequence: number,
  content: Content = { kind: 'inline', bytes: Buffer.from(`content ${sequence}`) },
): StubState {
  const size = content.kind === 'inline' ? content.bytes.length : 1e9
  return { fileId: Buffer.alloc(16, 9), sequence, meta: { mode: 0o640, size, mtimeNs: 5n, ctimeNs: -6n }, content }
}

function stubOf(slot0: Buffer | undefined, slot1?: Buffer): Buffer {
  const stub = Buffer.alloc(STUB_BYTES_MAX)
  STUB_LINE.copy(stub)
  slot0?.copy(stub, SLOT_OFFSETS[0])
  slot1?.copy(stub, SLOT_OFFSETS[1])
  return slot1 === undefined
    ? stub.subarray(0, SLOT_OFFSETS[0] + (slot0?.length ?? 0))
    : stub.subarray(0, SLOT_OFFSETS[1] + slot1.length)
}

function flipped(bytes: Buffer, at: number): Buffer {
  const damaged = Buffer.from(bytes)
  damaged[at]! ^= 1
  return damaged
}

test('a state comes back as it was sealed, whatever its content', () => {
  const { ref } = sealBlock('node', randomBytes(5000), keys)
  const contents: Content[] = [
    { kind: 'inline', bytes: Buffer.alloc(0) },
    { kind: 'inline', bytes: randomBytes(INLINE_BYTES_MAX) },
    { kind: 'root', node: Buffer.from([1, 0, 0, 0]) },
    { kind: 'ref', ref },
  ]
  for (const content of contents) {
    const slot = sealSlot(stateOf(4, content), keys)
    assert.ok(slot.length <= SLOT_BYTES)
    assert.deepEqual(openStub(stubOf(slot), keys), { state: stateOf(4, content), slot: 0, newerMayBeLost: false })
  }
})

test('the slot with the higher sequence counts', () => {
  const [four, five] = [sealSlot(stateOf(4), keys), sealSlot(stateOf(5), keys)]
  assert.deepEqual(openStub(stubOf(four, five), keys), { state: stateOf(5), slot: 1, newerMayBeLost: false })
  assert.deepEqual(openStub(stubOf(five, four), keys), { state: stateOf(5), slot: 0, newerMayBeLost: false })
})

test('a torn update leaves the older slot', () => {
  const [four, five] = [sealSlot(stateOf(4), keys), sealSlot(stateOf(5), keys)]
  for (const written of [1, 20, 48, 60, five.length - 1]) {
    const torn = Buffer.alloc(five.length)
    five.copy(torn, 0, 0, written)
    // One slot in 256 ends in a zero anyway.
    torn[torn.length - 1] = ~five.at(-1)!
    assert.deepEqual(openStub(stubOf(four, torn), keys), { state: stateOf(4), slot: 0, newerMayBeLost: true })
  }
  assert.equal(openStub(stubOf(four, five.subarray(0, five.length - 3)), keys).slot, 0)
})

test('a flipped bit in the only slot is refused, wherever it is', () => {
  const slot = sealSlot(stateOf(4), keys)
  for (let at = 0; at < slot.length; at++) {
    assert.throws(
      () => openStub(stubOf(flipped(slot, at)), keys),
      (error: { kind: string }) => ['corrupt', 'wrong-key', 'newer-version'].includes(error.kind),
    )
  }
})

test('the sequence cannot be changed', () => {
  const slot = sealSlot(stateOf(4), keys)
  slot.writeUInt8(200, 24)
  assert.throws(() => openStub(stubOf(slot), keys), { kind: 'corrupt' })
})

test('a stub without a slot is corrupt', () => {
  assert.throws(() => openStub(stubOf(undefined), keys), { kind: 'corrupt' })
  assert.throws(() => openStub(Buffer.alloc(0), keys), { kind: 'corrupt' })
  assert.throws(() => openStub(Buffer.from('something else'), keys), { kind: 'corrupt' })
})

test("another's stub is told from a damaged one", () => {
  const [foreign, own] = [sealSlot(stateOf(4), others), sealSlot(stateOf(5), keys)]
  assert.throws(() => openStub(stubOf(foreign), keys), { kind: 'wrong-key' })
  assert.throws(() => openStub(stubOf(foreign, foreign), keys), { kind: 'wrong-key' })
  assert.throws(() => openStub(stubOf(foreign, flipped(own, own.length - 1)), keys), { kind: 'corrupt' })
})

test("another key's newer state is not hidden by an older one of ours, an older one is passed over", () => {
  const [foreign, older, newer] = [sealSlot(stateOf(5), others), sealSlot(stateOf(4), keys), sealSlot(stateOf(6), keys)]
  assert.throws(() => openStub(stubOf(foreign, older), keys), { kind: 'wrong-key' })
  assert.deepEqual(openStub(stubOf(foreign, newer), keys), { state: stateOf(6), slot: 1, newerMayBeLost: false })
})

test('a slot that a later dfs wrote makes the stub untouchable, though the other opens', () => {
  const [four, five] = [sealSlot(stateOf(4), keys), sealSlot(stateOf(5), keys)]
  five[VERSION_AT] = 2
  assert.throws(() => openStub(stubOf(four, five), keys), { kind: 'newer-version' })
})

test('no two seals are alike', () => {
  assert.notDeepEqual(sealSlot(stateOf(4), keys), sealSlot(stateOf(4), keys))
})

test("a version's path comes back from its trailer, and no slot passes for one", () => {
  const trailer = sealTrailer('dir/n\xe4me.f', keys)
  assert.equal(openTrailer(trailer, keys), 'dir/n\xe4me.f')
  assert.equal(openTrailer(Buffer.alloc(0), keys), undefined)
  assert.throws(() => openTrailer(trailer, others), { kind: 'wrong-key' })
  assert.throws(() => openTrailer(flipped(trailer, trailer.length - 1), keys), { kind: 'corrupt' })
  assert.throws(() => openTrailer(sealSlot(stateOf(4), keys), keys), { kind: 'corrupt' })
})
