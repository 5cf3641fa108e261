import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TAG_BYTES } from '../../../src/format/block.ts'
import { RECORD_BYTES_MAX } from '../../../src/format/journal-record.ts'
import {
  decodeRecordFrame,
  decodeSegmentHeader,
  encodeRecordHead,
  encodeSegmentHeader,
  RECORD_HEAD_BYTES,
  RECORD_NUMBER_MAX,
  SEGMENT_HEADER_BYTES,
} from '../../../src/format/journal-segment.ts'
import { anyBytes, anyObject, anyU32, assertRefusesDamage, damaged } from './arbitraries.ts'

const anyHeader = anyObject({ keyId: anyBytes(8), epoch: anyU32, salt: anyBytes(32) })
const anyPlainBytes = fc.integer({ min: 1, max: 200 })
const anyLog = fc.array(fc.tuple(anyPlainBytes, fc.integer({ min: 1, max: 3 })), { maxLength: 8 }).map((lengths) => {
  let number = -1
  return lengths.map(([plainBytes, step]) => {
    number += step
    return { number, sealed: Buffer.alloc(plainBytes + TAG_BYTES, number + 1) }
  })
})

const encodeLog = (records: { number: number; sealed: Buffer }[]) =>
  Buffer.concat(records.flatMap(({ number, sealed }) => [encodeRecordHead(number, sealed.length - TAG_BYTES), sealed]))

/** All records from the start, and how the log ended; fails if reading does not come forward. */
function readLog(log: Buffer) {
  const records: { number: number; sealed: Buffer }[] = []
  let offset = 0
  for (;;) {
    const frame = decodeRecordFrame(log, offset, records.at(-1)?.number ?? -1)
    if (frame.kind !== 'record') return { records, end: frame, offset }
    assert(frame.end > offset && frame.end <= log.length)
    assert.deepEqual(frame.aad, encodeRecordHead(frame.number, frame.sealed.length - TAG_BYTES))
    records.push({ number: frame.number, sealed: frame.sealed })
    offset = frame.end
  }
}

test('journal segment: any header comes back', () => {
  fc.assert(
    fc.property(anyHeader, (header) => {
      const bytes = encodeSegmentHeader(header)
      assert.equal(bytes.length, SEGMENT_HEADER_BYTES)
      assert.deepEqual(decodeSegmentHeader(bytes), header)
    }),
  )
})

test('journal segment: any log is read to its end, and numbers may be left out', () => {
  fc.assert(
    fc.property(anyLog, (records) => {
      assert.deepEqual(readLog(encodeLog(records)), {
        records,
        end: { kind: 'end', torn: false },
        offset: encodeLog(records).length,
      })
    }),
  )
})

test('journal segment: a log cut off anywhere gives its whole records and ends there', () => {
  fc.assert(
    fc.property(anyLog, fc.nat(), (records, cut) => {
      const log = encodeLog(records)
      const { records: read, end, offset } = readLog(log.subarray(0, cut % (log.length + 1)))
      assert.deepEqual(read, records.slice(0, read.length))
      assert.deepEqual(end, { kind: 'end', torn: offset !== cut % (log.length + 1) })
    }),
  )
})

test('journal segment: a log followed by zeroes ends where they begin', () => {
  fc.assert(
    fc.property(anyLog, fc.integer({ min: 1, max: 5000 }), (records, zeroes) => {
      const log = encodeLog(records)
      const read = readLog(Buffer.concat([log, Buffer.alloc(zeroes)]))
      assert.deepEqual(read, { records, end: { kind: 'end', torn: true }, offset: log.length })
    }),
  )
})

test('journal segment: any flipped bit in the head of a record is damage, never the end of the log', () => {
  const log = encodeLog([{ number: 5, sealed: Buffer.alloc(40, 1) }])
  for (let bit = 0; bit < RECORD_HEAD_BYTES * 8; bit++) {
    const flipped = Buffer.from(log)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    assert.deepEqual(decodeRecordFrame(flipped, 0, -1), { kind: 'damaged' })
  }
})

test('journal segment: reading a damaged log comes to an end and never throws', () => {
  fc.assert(
    fc.property(damaged(anyLog.map(encodeLog)), (log) => {
      readLog(log)
    }),
    { numRuns: 500 },
  )
})

test('journal segment: damaged headers are refused or read, never worse', () => {
  assertRefusesDamage(anyHeader.map(encodeSegmentHeader), decodeSegmentHeader)
})

test('journal segment: records that no segment can hold are a fault of the caller', () => {
  assert.throws(() => encodeRecordHead(RECORD_NUMBER_MAX + 1, 1), assert.AssertionError)
  assert.throws(() => encodeRecordHead(0, 0), assert.AssertionError)
  assert.throws(() => encodeRecordHead(0, RECORD_BYTES_MAX + 1), assert.AssertionError)
})
