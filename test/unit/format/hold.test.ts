import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import { cidOfDigest, digestOfCid } from '../../../src/format/cid.ts'
import { decodeHoldEntry, encodeHoldEntry, type HoldEntry } from '../../../src/format/hold-entry.ts'
import {
  ANSWER_BYTES_MAX,
  bytesOfAnswer,
  CHALLENGED_SLICES_MAX,
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
import { sliceCountOf } from '../../../src/format/slice-tree.ts'
import { lengthsOf } from '../../../src/format/storage-proof.ts'
import { openHoldRecord } from '../../../src/net/holds/signed-hold.ts'
import { anyBytes, anyCid, anyObject, anyU53, assertRefusesDamage } from './arbitraries.ts'
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
const anyChallenges = ascending(
  anyObject({
    cid: anyCid,
    blockBytes: fc.integer({ min: 1, max: BLOCK_BYTES_MAX }),
    numbers: fc.array(fc.nat(), { minLength: 1, maxLength: CHALLENGED_SLICES_MAX }),
  }).map(({ cid, blockBytes, numbers }) => {
    const slices = new Set(numbers.map((number) => number % sliceCountOf(blockBytes)))
    return { cid, blockBytes, slices: [...slices].sort((a, b) => a - b) }
  }),
  ({ cid }) => digestOfCid(cid),
)
const anyAnswers = ascending(
  fc.oneof(
    anyObject({ digest: anyBytes(32), proof: anyBytes({ maxLength: 500 }) }),
    anyObject({ digest: anyBytes(32), reason: fc.constantFrom('no-block', 'no-such-hold', 'unavailable') }),
  ),
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

const anyShardOf = fc
  .record({ data: fc.integer({ min: 2, max: 32 }), parity: fc.integer({ min: 1, max: 32 }) })
  .chain(({ data, parity }) => {
    const index = fc.integer({ min: 0, max: data + parity - 1 })
    return anyObject({ block: anyBytes(32), data: fc.constant(data), parity: fc.constant(parity), index })
  })

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
  anyObject({ kind: fc.constant('challenge'), nonce: anyBytes(16), challenges: anyChallenges, incarnation }),
  anyObject({ kind: fc.constant('proof'), nonce: anyBytes(16), answers: anyAnswers, incarnation }),
  anyObject({
    kind: fc.constant('shards-query'),
    nonce: anyBytes(16),
    digests: ascending(anyBytes(32), (digest) => digest),
    incarnation,
  }),
  anyObject({
    kind: fc.constant('shards'),
    nonce: anyBytes(16),
    shards: fc.oneof(
      fc.constant([]),
      ascending(
        fc.tuple(anyBytes(32), anyShardOf).map(([digest, shard]) => ({ digest, ...shard })),
        ({ digest }) => digest,
      ),
    ),
    incarnation,
  }),
) as fc.Arbitrary<HoldsMessage>

const anyPlainEntry = anyObject({
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
})
const anyEntry = fc.oneof(
  anyPlainEntry,
  fc.tuple(anyPlainEntry, anyShardOf).map(([entry, shard]) => ({ ...entry, shard })),
) as fc.Arbitrary<HoldEntry>

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

test('hold: the longest answer that can be asked for fits into a message', () => {
  const last = sliceCountOf(BLOCK_BYTES_MAX) - 1
  // As far from each other as can be.
  const slices = Array.from({ length: CHALLENGED_SLICES_MAX }, (_, at) =>
    Math.floor((at * last) / CHALLENGED_SLICES_MAX),
  )
  const cid = cidOfDigest(Buffer.alloc(32, 1))
  const { proofBytes } = lengthsOf({ cid, blockBytes: BLOCK_BYTES_MAX, slices })
  const answer = { digest: digestOfCid(cid), proof: Buffer.alloc(proofBytes) }
  assert(bytesOfAnswer(answer) <= ANSWER_BYTES_MAX)
  const fill = { digest: Buffer.alloc(32, 2), proof: Buffer.alloc(0) }
  fill.proof = Buffer.alloc(ANSWER_BYTES_MAX - bytesOfAnswer(answer) - bytesOfAnswer(fill))
  const head = { kind: 'proof', nonce: Buffer.alloc(16), incarnation: Buffer.alloc(8) } as const
  const message = { ...head, answers: [answer, fill] }
  const bytes = encodeHoldsMessage(message)
  assert.equal(bytes.length, HOLDS_MESSAGE_BYTES_MAX)
  assert.deepEqual(decodeHoldsMessage(bytes), message)
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
