import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import {
  ADDRESSES_MAX,
  decodeMessage,
  encodeMessage,
  encodePieceHead,
  HOPS_MAX,
  ITEMS_MAX,
  type Message,
  type SeekMessage,
  seekSignedBytes,
} from '../../../src/format/message.ts'
import { anyBytes, anyObject, anyU32, assertRefusesDamage } from './arbitraries.ts'
import { readVectors, testVectors } from './vectors.ts'

const coder = { decode: decodeMessage, encode: encodeMessage }
testVectors('message', Object.fromEntries(readVectors('message').valid.map(({ what }) => [what, coder])))

const anyRange = fc.tuple(fc.nat(BLOCK_BYTES_MAX), fc.nat(BLOCK_BYTES_MAX)).map(([a, b]) => ({
  from: Math.min(a, b),
  to: Math.max(a, b),
}))
const some = <T>(items: fc.Arbitrary<T>) => fc.array(items, { minLength: 1, maxLength: 20 })
const anyWant = fc
  .tuple(anyU32, fc.constantFrom('bulk', 'urgent', 'probe'), anyRange, anyBytes(32))
  .map(([id, mode, range, digest]) => ({ id, mode, ...range, digest }))
const anySeek: fc.Arbitrary<SeekMessage> = anyObject({
  type: fc.constant('seek'),
  hops: fc.nat(HOPS_MAX),
  origin: anyBytes(32),
  nonce: anyBytes(16),
  digest: anyBytes(32),
  addresses: fc.array(fc.stringMatching(/^[!-~]{1,40}$/), { maxLength: ADDRESSES_MAX }),
  signature: anyBytes(64),
})

const anyMessage = fc.oneof(
  anyObject({ type: fc.constant('want'), wants: some(anyWant) }),
  ...(['cancel', 'missing', 'available'] as const).map((type) =>
    anyObject({ type: fc.constant(type), ids: some(anyU32) }),
  ),
  fc.tuple(anyU32, anyRange).map(([id, range]) => ({ type: 'prefer', id, ...range })),
  fc
    .tuple(anyU32, fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(1000), fc.nat(1000))
    .map(([id, bytes, offset, behind]) => {
      return { type: 'piece', id, blockBytes: offset + bytes.length + behind, offset, bytes: Buffer.from(bytes) }
    }),
  anySeek,
  anyObject({ type: fc.constant('have'), digests: some(anyBytes(32)) }),
  anyObject({ type: fc.constant('direct-request'), fingerprint: anyBytes(32) }),
  anyObject({ type: fc.constant('direct-answer'), port: fc.nat(0xffff), fingerprint: anyBytes(32) }),
) as fc.Arbitrary<Message>

test('message: any message comes back', () => {
  fc.assert(fc.property(anyMessage, (message) => assert.deepEqual(decodeMessage(encodeMessage(message)), message)))
})

test('message: damaged ones are refused or read, never worse', () => {
  assertRefusesDamage(anyMessage.map(encodeMessage), decodeMessage)
})

test('message: the head of a piece with its bytes behind it is the piece', () => {
  const piece = { type: 'piece', id: 7, blockBytes: 100, offset: 3, bytes: Buffer.from('abc') } as const
  assert.deepEqual(Buffer.concat([encodePieceHead(piece), piece.bytes]), encodeMessage(piece))
})

test('message: as many wants as may be are read, one more is not', () => {
  const want = { id: 1, mode: 'bulk', from: 0, to: 0, digest: Buffer.alloc(32) } as const
  const message = (count: number) => encodeMessage({ type: 'want', wants: Array.from({ length: count }, () => want) })
  const most = decodeMessage(message(ITEMS_MAX))
  assert.equal(most.type === 'want' && most.wants.length, ITEMS_MAX)
  assert.throws(() => decodeMessage(message(ITEMS_MAX + 1)), { kind: 'corrupt' })
})

test('message: what a seek signs covers everything but the hops, and the network', () => {
  fc.assert(
    fc.property(anySeek, anySeek, (one, other) => {
      const network = Buffer.from('one')
      const signed = seekSignedBytes(one, network)
      assert.deepEqual(seekSignedBytes({ ...one, hops: 0 } as SeekMessage, network), signed)
      assert(!seekSignedBytes(one, Buffer.from('two')).equals(signed))
      for (const part of ['origin', 'nonce', 'digest', 'addresses'] as const) {
        const changed = seekSignedBytes({ ...one, [part]: other[part] }, network)
        assert.equal(changed.equals(signed), JSON.stringify(one[part]) === JSON.stringify(other[part]))
      }
    }),
  )
})
