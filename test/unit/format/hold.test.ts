import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import { decodeHoldEntry, encodeHoldEntry, type HoldEntry } from '../../../src/format/hold-entry.ts'
import {
  decodeHoldsMessage,
  encodeHoldsMessage,
  HOLDS_MESSAGE_BYTES_MAX,
  type HoldsMessage,
} from '../../../src/format/hold-message.ts'
import {
  decodeHoldRecord,
  encodeHoldRecord,
  HELD_BLOCKS_MAX,
  HOLD_RECORD_BYTES_MAX,
  type HoldRecord,
} from '../../../src/format/hold-record.ts'
import { openHoldRecord } from '../../../src/net/holds/signed-hold.ts'
import { anyBytes, anyObject, anyU53, assertRefusesDamage } from './arbitraries.ts'
import { type Coder, readVectors, testVectors } from './vectors.ts'

const CODERS: Record<string, Coder> = {
  record: {
    decode: (bytes) => {
      const { record, signature } = decodeHoldRecord(bytes)
      return { ...record, signature }
    },
    encode: ({ signature, ...record }) => encodeHoldRecord(record, signature),
  },
  message: { decode: decodeHoldsMessage, encode: encodeHoldsMessage },
  entry: { decode: decodeHoldEntry, encode: encodeHoldEntry },
}

testVectors('hold', CODERS)

/** One to eight items, ascending by their bytes, none twice. */
function ascending<T>(items: fc.Arbitrary<T>, keyOf: (item: T) => Buffer): fc.Arbitrary<T[]> {
  return fc
    .uniqueArray(items, { minLength: 1, maxLength: 8, selector: (item) => keyOf(item).toString('hex') })
    .map((list) => list.sort((a, b) => Buffer.compare(keyOf(a), keyOf(b))))
}

const anyBlocks = ascending(
  anyObject({ digest: anyBytes(32), sealedBytes: fc.integer({ min: 1, max: BLOCK_BYTES_MAX }) }),
  ({ digest }) => digest,
)
const anyHolds = ascending(anyObject({ hold: anyBytes(16), digest: anyBytes(32) }), ({ hold, digest }) =>
  Buffer.concat([hold, digest]),
)
const anyRefused = ascending(
  anyObject({ reason: fc.constantFrom('evicting', 'no-space', 'unavailable'), digest: anyBytes(32) }),
  ({ digest }) => digest,
)
const parties = {
  network: anyBytes(32),
  owner: anyBytes(32),
  requester: anyBytes(32),
  holder: anyBytes(32),
  nonce: anyBytes(16),
}
const anyRecord = fc.oneof(
  anyObject({ kind: fc.constant('hold'), ...parties, termMs: anyU53, blocks: anyBlocks }),
  anyObject({
    kind: fc.constant('release'),
    ...parties,
    signer: anyBytes(32),
    digests: ascending(anyBytes(32), (digest) => digest),
  }),
) as fc.Arbitrary<HoldRecord>

const incarnation = anyBytes(8)
const anyMessage = fc.oneof(
  anyObject({ kind: fc.constant('offer-query'), incarnation }),
  anyObject({ kind: fc.constant('offer'), freeBytes: anyU53, termMs: anyU53, incarnation }),
  anyObject({ kind: fc.constant('request'), nonce: anyBytes(16), blocks: anyBlocks, incarnation }),
  fc.tuple(anyRecord, anyBytes(64), incarnation).map(([record, signature, incarnation]) => ({
    kind: record.kind,
    record: encodeHoldRecord(record, signature),
    incarnation,
  })),
  anyObject({ kind: fc.constant('refusal'), nonce: anyBytes(16), refused: anyRefused, incarnation }),
  anyObject({
    kind: fc.constantFrom('question', 'confirmation'),
    nonce: anyBytes(16),
    holds: anyHolds,
    incarnation,
  }),
  anyObject({ kind: fc.constantFrom('released', 'leave'), holds: anyHolds, incarnation }),
) as fc.Arbitrary<HoldsMessage>

const anyEntry = anyObject({
  sealedBytes: fc.integer({ min: 1, max: BLOCK_BYTES_MAX }),
  evicting: fc.boolean(),
  foreign: fc.boolean(),
  promises: fc.array(anyObject({ requester: anyBytes(32), owner: anyBytes(32), nonce: anyBytes(16), endsMs: anyU53 }), {
    maxLength: 5,
  }),
  holds: fc.array(
    anyObject({ holder: anyBytes(32), nonce: anyBytes(16), status: fc.constantFrom('held', 'leaving', 'releasing') }),
    { maxLength: 5 },
  ),
}) as fc.Arbitrary<HoldEntry>

test('hold: any record, message and entry comes back', () => {
  fc.assert(fc.property(anyEntry, (entry) => assert.deepEqual(decodeHoldEntry(encodeHoldEntry(entry)), entry)))

  fc.assert(
    fc.property(anyRecord, anyBytes(64), (record, signature) => {
      const read = decodeHoldRecord(encodeHoldRecord(record, signature))
      assert.deepEqual([read.record, read.signature], [record, signature])
    }),
  )
  fc.assert(
    fc.property(anyMessage, (message) => assert.deepEqual(decodeHoldsMessage(encodeHoldsMessage(message)), message)),
  )
})

for (const [what, { decode }] of Object.entries(CODERS)) {
  test(`hold: a damaged ${what} is refused or read, and left alone`, () => {
    const { valid } = readVectors('hold')
    const encodings = valid.filter((vector) => vector.what === what).map(({ hex }) => Buffer.from(hex!, 'hex'))
    assertRefusesDamage(fc.constantFrom(...encodings), (bytes) => decode(bytes, valid[0]!))
  })
}

test('hold: as many blocks as may be are as long as may be, one more is refused', () => {
  const digestOf = (index: number) => {
    const digest = Buffer.alloc(32)
    digest.writeUInt32BE(index)
    return digest
  }
  const [key, nonce] = [Buffer.alloc(32), Buffer.alloc(16)]
  const blocks = Array.from({ length: HELD_BLOCKS_MAX }, (_, index) => ({ digest: digestOf(index), sealedBytes: 1 }))
  const hold = {
    kind: 'hold',
    network: key,
    owner: key,
    requester: key,
    holder: key,
    nonce,
    termMs: 0,
    blocks,
  } as const
  const record = encodeHoldRecord(hold, Buffer.alloc(64))
  assert.equal(record.length, HOLD_RECORD_BYTES_MAX)
  assert.deepEqual(decodeHoldRecord(record).record, hold)

  const holds = blocks.map(({ digest }) => ({ hold: nonce, digest }))
  const question = encodeHoldsMessage({ kind: 'question', incarnation: Buffer.alloc(8), nonce, holds })
  assert.equal(question.length, HOLDS_MESSAGE_BYTES_MAX)
  const most = decodeHoldsMessage(question)
  assert.equal(most.kind === 'question' && most.holds.length, HELD_BLOCKS_MAX)

  const request = encodeHoldsMessage({ kind: 'request', incarnation: Buffer.alloc(8), nonce, blocks })
  const more = Buffer.concat([request, digestOf(HELD_BLOCKS_MAX), Buffer.from([1, 0, 0, 0])])
  more.writeUInt16LE(HELD_BLOCKS_MAX + 1, 2 + 8 + 16)
  assert.throws(() => decodeHoldsMessage(more), { kind: 'corrupt' })
})

test('hold: the records of the vectors are signed; changed anywhere, or taken for another kind, they are not', () => {
  for (const { what, hex } of readVectors('hold').valid) {
    if (what !== 'record') continue
    const bytes = Buffer.from(hex!, 'hex')
    assert(openHoldRecord(bytes) !== undefined)
    // Fields that any bytes may stand in: the parties, the nonce, the signature.
    for (const at of [2, 34, 66, 98, 130, bytes.length - 64, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      assert.equal(openHoldRecord(changed), undefined, `byte ${at}`)
    }
  }
})
