import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { decodeRecordFrame, SEGMENT_HEADER_BYTES } from '../../../src/format/journal-segment.ts'
import { SegmentOpener, SegmentSealer } from '../../../src/seal/journal-seal.ts'
import { Keys } from '../../../src/seal/keys.ts'

const keys = Keys.derive(Buffer.alloc(32, 1))

function seal(sealer: SegmentSealer, ...plain: Buffer[]): Buffer {
  return Buffer.concat(Array.from(sealer.seal(plain), (piece) => Buffer.from(piece)))
}

function recordAt(segment: Buffer, offset: number, after: number) {
  const frame = decodeRecordFrame(segment, offset, after)
  assert(frame.kind === 'record')
  return frame
}

test('records come back in order', () => {
  const sealer = new SegmentSealer(keys)
  const plains = [Buffer.from('one'), randomBytes(700_000), Buffer.from('three')]
  const segment = Buffer.concat([sealer.header, ...plains.map((plain) => seal(sealer, plain))])
  const opener = new SegmentOpener(segment, keys)
  let [offset, after] = [SEGMENT_HEADER_BYTES, -1]
  for (const plain of plains) {
    const record = recordAt(segment, offset, after)
    assert.ok(opener.open(record)?.equals(plain))
    ;[offset, after] = [record.end, record.number]
  }
  assert.deepEqual(decodeRecordFrame(segment, offset, after), { kind: 'end', torn: false })
})

test('a record in pieces, and sealed in pieces, is one', () => {
  const plain = randomBytes(1_000_000)
  const sealer = new SegmentSealer(keys)
  const pieces = [plain.subarray(0, 5), plain.subarray(5, 700_000), plain.subarray(700_000)]
  const record = seal(sealer, ...pieces)
  assert.ok(new SegmentOpener(sealer.header, keys).open(recordAt(record, 0, -1))?.equals(plain))
  for (const piece of sealer.seal(pieces)) assert.ok(piece.length <= 256 * 1024)
  assert.equal([...sealer.seal([plain.subarray(0, 4096)])].length, 1, 'a short one is appended in one go')
})

test('equal records are sealed differently, and in every segment with another key', () => {
  const plain = Buffer.from('the same')
  const [sealer, other] = [new SegmentSealer(keys), new SegmentSealer(keys)]
  const records = [seal(sealer, plain), seal(sealer, plain), seal(other, plain)].map((record) =>
    record.subarray(12).toString('hex'),
  )
  assert.equal(new Set(records).size, 3)
})

test('a damaged record, or one of another segment, does not open', () => {
  const [sealer, other] = [new SegmentSealer(keys), new SegmentSealer(keys)]
  const record = seal(sealer, Buffer.from('text'))
  const opener = new SegmentOpener(sealer.header, keys)
  assert.equal(opener.open(recordAt(seal(other, Buffer.from('text')), 0, -1)), undefined)
  record[record.length - 1]! ^= 1
  assert.equal(opener.open(recordAt(record, 0, -1)), undefined)
})

test("another personal key's segment is refused as such", () => {
  const { header } = new SegmentSealer(Keys.derive(Buffer.alloc(32, 2)))
  assert.throws(() => new SegmentOpener(header, keys), { kind: 'wrong-key' })
})
