import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { decodeRecordFrame, SEGMENT_HEADER_BYTES } from '../../../src/format/journal-segment.ts'
import { SegmentOpener, SegmentSealer } from '../../../src/seal/journal-seal.ts'
import { Keys } from '../../../src/seal/keys.ts'

const keys = Keys.derive(Buffer.alloc(32, 1))

function recordAt(segment: Buffer, offset: number, after: number) {
  const frame = decodeRecordFrame(segment, offset, after)
  assert(frame.kind === 'record')
  return frame
}

test('records come back in order', () => {
  const sealer = new SegmentSealer(keys)
  const plains = [Buffer.from('one'), randomBytes(700_000), Buffer.from('three')]
  const segment = Buffer.concat([sealer.header, ...plains.map((plain) => sealer.seal(plain))])
  const opener = new SegmentOpener(segment, keys)
  let [offset, after] = [SEGMENT_HEADER_BYTES, -1]
  for (const plain of plains) {
    const record = recordAt(segment, offset, after)
    assert.ok(opener.open(record)?.equals(plain))
    ;[offset, after] = [record.end, record.number]
  }
  assert.deepEqual(decodeRecordFrame(segment, offset, after), { kind: 'end', torn: false })
})

test('equal records are sealed differently, and in every segment with another key', () => {
  const plain = Buffer.from('the same')
  const [sealer, other] = [new SegmentSealer(keys), new SegmentSealer(keys)]
  const records = [sealer.seal(plain), sealer.seal(plain), other.seal(plain)].map((record) =>
    record.subarray(12).toString('hex'),
  )
  assert.equal(new Set(records).size, 3)
})

test('a damaged record, or one of another segment, does not open', () => {
  const [sealer, other] = [new SegmentSealer(keys), new SegmentSealer(keys)]
  const record = sealer.seal(Buffer.from('text'))
  const opener = new SegmentOpener(sealer.header, keys)
  assert.equal(opener.open(recordAt(other.seal(Buffer.from('text')), 0, -1)), undefined)
  record[record.length - 1]! ^= 1
  assert.equal(opener.open(recordAt(record, 0, -1)), undefined)
})

test("another personal key's segment is refused as such", () => {
  const { header } = new SegmentSealer(Keys.derive(Buffer.alloc(32, 2)))
  assert.throws(() => new SegmentOpener(header, keys), { kind: 'wrong-key' })
})
