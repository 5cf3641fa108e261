import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Content } from '../../../src/dfs.ts'
import {
  type CommitRecord,
  decodeRecord,
  encodeRecord,
  type JournalRecord,
  type ObjectId,
  type Patch,
  RECORD_BYTES_MAX,
  type StubPlace,
} from '../../../src/format/journal-record.ts'
import {
  decodeRecordFrame,
  decodeSegmentHeader,
  encodeRecordHead,
  encodeSegmentHeader,
  recordNonce,
} from '../../../src/format/journal-segment.ts'
import { encodeNode } from '../../../src/format/manifest.ts'
import {
  anyBytes,
  anyFileId,
  anyMeta,
  anyObject,
  anyPath,
  anyRef,
  anyRefOrHole,
  anyTimeNs,
  anyU53,
  assertRefusesDamage,
} from './arbitraries.ts'
import { refusalOf, testVectors } from './vectors.ts'

testVectors('journal-record', {
  segment: { decode: decodeSegmentHeader, encode: encodeSegmentHeader },
  head: {
    decode: (bytes) => ({ number: bytes.readUInt32LE(4), plainBytes: bytes.readUInt32LE(0) - 16 }),
    encode: ({ number, plainBytes }) => encodeRecordHead(number, plainBytes),
  },
  nonce: { decode: (bytes) => bytes.readUInt32LE(8), encode: recordNonce },
  frame: { decode: (bytes, { after }) => decodeRecordFrame(bytes, 0, after!) },
  record: { decode: decodeRecord, encode: bytesOf },
})

function bytesOf(record: JournalRecord): Buffer {
  return Buffer.concat(encodeRecord(record))
}

const anyInode = anyU53.map((ino) => Math.max(1, ino))
const anyObjectId: fc.Arbitrary<ObjectId> = anyObject({ ino: anyInode, btimeNs: anyTimeNs })
const anyPlace: fc.Arbitrary<StubPlace> = anyObject({ ino: anyInode, btimeNs: anyTimeNs, path: anyPath })
const anyChange = { place: anyPlace, ctimeNs: anyTimeNs }

const anyContent: fc.Arbitrary<Content> = fc.oneof(
  anyObject({ kind: fc.constant('inline'), bytes: anyBytes({ maxLength: 100 }) }),
  anyObject({ kind: fc.constant('ref'), ref: anyRef }),
  anyObject({ kind: fc.constant('root'), node: anyRef.map((ref) => encodeNode({ level: 2, entries: [ref] })) }),
)

const anyPatch: fc.Arbitrary<Patch> = fc.oneof(
  anyObject({ offset: fc.nat(), bytes: anyBytes({ maxLength: 100 }) }),
  anyObject({ offset: fc.nat(), zeroBytes: fc.nat() }),
)

const anyCommit: fc.Arbitrary<CommitRecord> = anyObject({
  kind: fc.constant('commit'),
  place: anyPlace,
  fileId: anyFileId,
  baseSequence: fc.nat(),
  sequence: fc.integer({ min: 2 ** 31, max: Number.MAX_SAFE_INTEGER }),
  meta: anyMeta,
  keepBytes: anyU53,
  content: fc.option(anyContent, { nil: undefined }),
  chunks: fc.array(anyObject({ index: anyU53, ref: anyRefOrHole }), { maxLength: 8 }),
  patches: fc.array(anyPatch, { maxLength: 8 }),
})

const anyRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
  anyCommit,
  anyObject({
    kind: fc.constant('rename'),
    ...anyChange,
    to: anyPath,
    over: fc.option(anyObjectId, { nil: undefined }),
  }),
  anyObject({ kind: fc.constant('remove'), place: anyPlace }),
  anyObject({ kind: fc.constant('link'), ...anyChange, to: anyPath }),
  anyObject({ kind: fc.constant('unlink'), ...anyChange }),
  anyObject({ kind: fc.constant('exchange'), ...anyChange, other: anyPlace }),
)

const [commit] = fc.sample(anyCommit, 1) as [CommitRecord]

test('journal record: any record comes back', () => {
  fc.assert(fc.property(anyRecord, (record) => assert.deepEqual(decodeRecord(bytesOf(record)), record)))
})

test('journal record: the bytes of a patch are not copied when it is read', () => {
  const bytes = bytesOf({ ...commit, patches: [{ offset: 0, bytes: Buffer.from('abc') }] })
  const [patch] = (decodeRecord(bytes) as CommitRecord).patches
  assert(patch !== undefined && 'bytes' in patch)
  assert.equal(patch.bytes.buffer, bytes.buffer)
})

test('journal record: the bytes of patches are not copied when it is written', () => {
  const patches = Array.from({ length: 1000 }, (_, i) => ({ offset: i * 8192, bytes: Buffer.alloc(4096, i) }))
  const pieces = encodeRecord({ ...commit, patches })
  const own = new Set(pieces.map(({ buffer }) => buffer)).difference(new Set(patches.map(({ bytes }) => bytes.buffer)))
  const ownBytes = [...own].reduce((sum, { byteLength }) => sum + byteLength, 0)
  assert(ownBytes < 256 * 1024, `${ownBytes} bytes of its own`)
  assert.deepEqual(decodeRecord(Buffer.concat(pieces)), { ...commit, patches })
})

test('journal record: a record longer than the journal takes is too large', () => {
  const zeroes = Buffer.alloc(RECORD_BYTES_MAX)
  assert.equal(refusalOf(() => encodeRecord({ ...commit, patches: [{ offset: 0, bytes: zeroes }] }))?.kind, 'too-large')
})

test('journal record: a commit that does not come after its base, or has no path, is a fault of the caller', () => {
  assert.throws(() => encodeRecord({ ...commit, baseSequence: commit.sequence }), assert.AssertionError)
  assert.throws(() => encodeRecord({ kind: 'remove', place: { ...commit.place, path: '' } }), assert.AssertionError)
})

test('journal record: damaged records are refused or read, never worse', () => {
  assertRefusesDamage(anyRecord.map(bytesOf), decodeRecord)
})
