import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Content, StubState } from '../../../src/dfs.ts'
import { TAG_BYTES } from '../../../src/format/block.ts'
import { ENVELOPE_HEAD_BYTES, type Envelope } from '../../../src/format/envelope.ts'
import { encodeNode, NODE_ENTRIES_MAX, nodeBytes } from '../../../src/format/manifest.ts'
import {
  decodeSlotEnvelope,
  decodeSlotPlain,
  decodeTrailer,
  decodeTrailerPlain,
  encodeSlotEnvelope,
  encodeSlotPlain,
  encodeTrailer,
  encodeTrailerPlain,
  INLINE_BYTES_MAX,
  ROOT_NODE_BYTES_MAX,
  SLOT_BYTES,
  SLOT_OFFSETS,
  STUB_BYTES_MAX,
  slotAad,
  TRAILER_OFFSET,
  trailerAad,
} from '../../../src/format/stub.ts'
import { requireStubVersion, STUB_LINE } from '../../../src/format/stub-line.ts'
import {
  anyBytes,
  anyFileId,
  anyMeta,
  anyObject,
  anyPath,
  anyRef,
  anyRefOrHole,
  anyU32,
  anyU53,
  assertRefusesDamage,
} from './arbitraries.ts'
import { testVectors } from './vectors.ts'

testVectors('stub', {
  line: { decode: requireStubVersion, encode: () => STUB_LINE },
  plain: {
    decode: (bytes, { value }) => decodeSlotPlain(bytes, (value as StubState | undefined)?.sequence ?? 1),
    encode: encodeSlotPlain,
  },
  slot: { decode: (bytes) => withoutAad(decodeSlotEnvelope(bytes), bytes) },
  path: { decode: decodeTrailerPlain, encode: encodeTrailerPlain },
  trailer: { decode: (bytes) => withoutAad(decodeTrailer(bytes), bytes), encode: encodeTrailer },
})

function withoutAad(envelope: Envelope | undefined, bytes: Buffer): Omit<Envelope, 'aad'> | undefined {
  if (envelope === undefined) return undefined
  const { aad, ...rest } = envelope
  assert.deepEqual(aad, bytes.subarray(0, ENVELOPE_HEAD_BYTES))
  return rest
}

const anyContent: fc.Arbitrary<Content> = fc.oneof(
  anyObject({ kind: fc.constant('inline'), bytes: anyBytes({ maxLength: 600 }) }),
  anyObject({ kind: fc.constant('ref'), ref: anyRef }),
  anyObject({
    kind: fc.constant('root'),
    node: fc.array(anyRefOrHole, { maxLength: 35 }).map((entries) => encodeNode({ level: 0, entries })),
  }),
)

const anyState: fc.Arbitrary<StubState> = anyObject({
  fileId: anyFileId,
  sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  meta: anyMeta,
  content: anyContent,
}).map(({ meta, ...state }) => {
  const size = state.content.kind === 'inline' ? state.content.bytes.length : meta.size
  return { ...state, meta: { ...meta, size } }
})

const anyHead = anyObject({ keyId: anyBytes(8), epoch: anyU32, salt: anyBytes(16) })
const anySealed = anyBytes({ minLength: TAG_BYTES + 1, maxLength: 200 })
const anyEnvelope = anyObject({ head: anyHead, sequence: anyU53.map((n) => n || 1), sealed: anySealed })

test('stub: any state comes back from the plaintext of a slot', () => {
  fc.assert(
    fc.property(anyState, (state) => {
      assert.deepEqual(decodeSlotPlain(encodeSlotPlain(state), state.sequence), state)
    }),
  )
})

test('stub: any envelope comes back, whatever older and longer slot it was written over', () => {
  fc.assert(
    fc.property(anyEnvelope, anyBytes({ maxLength: 100 }), ({ head, sequence, sealed }, old) => {
      const envelope = { ...head, sequence, sealed }
      const bytes = Buffer.concat([encodeSlotEnvelope(envelope), old])
      assert.deepEqual(withoutAad(decodeSlotEnvelope(bytes), bytes), envelope)
      assert.deepEqual(slotAad(envelope, sealed.length - TAG_BYTES), bytes.subarray(0, ENVELOPE_HEAD_BYTES))
    }),
  )
})

test('stub: any trailer comes back', () => {
  fc.assert(
    fc.property(anyEnvelope, anyPath, ({ head, sealed }, path) => {
      const bytes = encodeTrailer({ ...head, sealed })
      assert.deepEqual(withoutAad(decodeTrailer(bytes), bytes), { ...head, sequence: 0, sealed })
      assert.deepEqual(trailerAad(head, sealed.length - TAG_BYTES), bytes.subarray(0, ENVELOPE_HEAD_BYTES))
      assert.equal(decodeTrailerPlain(encodeTrailerPlain(path)), path)
    }),
  )
})

test('stub: the longest inline content and the largest root node fill a slot and no more', () => {
  const [head] = fc.sample(anyHead, 1)
  const [{ meta, fileId }] = fc.sample(anyState, 1) as [StubState]
  const content: Content = { kind: 'inline', bytes: Buffer.alloc(INLINE_BYTES_MAX, 1) }
  const plain = encodeSlotPlain({ fileId, sequence: 1, meta: { ...meta, size: INLINE_BYTES_MAX }, content })
  const sealed = Buffer.concat([plain, Buffer.alloc(TAG_BYTES)])
  assert.equal(encodeSlotEnvelope({ ...head!, sequence: 1, sealed }).length, SLOT_BYTES)
  assert(nodeBytes(35) <= ROOT_NODE_BYTES_MAX && nodeBytes(36) > ROOT_NODE_BYTES_MAX)
  assert(NODE_ENTRIES_MAX > 35)
})

test('stub: content that does not fit a slot is a fault of the caller', () => {
  const [{ meta, fileId }] = fc.sample(anyState, 1) as [StubState]
  const content: Content = { kind: 'inline', bytes: Buffer.alloc(INLINE_BYTES_MAX + 1) }
  const state = { fileId, sequence: 1, meta: { ...meta, size: INLINE_BYTES_MAX + 1 }, content }
  assert.throws(() => encodeSlotPlain(state), assert.AssertionError)
})

test('stub: line, slots and trailer do not overlap, and no page holds parts of both slots', () => {
  const [first, second] = SLOT_OFFSETS
  assert.equal(first, STUB_LINE.length)
  assert(first + SLOT_BYTES <= second && second % 4096 === 0)
  assert.equal(STUB_BYTES_MAX, second + SLOT_BYTES)
  assert(STUB_BYTES_MAX <= TRAILER_OFFSET)
})

test('stub: damaged slots and trailers are refused or read, never worse', () => {
  const anySlot = anyEnvelope.map(({ head, sequence, sealed }) => encodeSlotEnvelope({ ...head, sequence, sealed }))
  const anyTrailer = anyEnvelope.map(({ head, sealed }) => encodeTrailer({ ...head, sealed }))
  assertRefusesDamage(anySlot, decodeSlotEnvelope)
  assertRefusesDamage(anyTrailer, decodeTrailer)
  assertRefusesDamage(anyState.map(encodeSlotPlain), (bytes) => decodeSlotPlain(bytes, 1))
  assertRefusesDamage(anyPath.map(encodeTrailerPlain), decodeTrailerPlain)
})
