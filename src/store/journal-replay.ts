/**
 * Reading the records of a segment back, from bytes that a crash tore or a disk damaged.
 *
 * A torn tail (of what was never synced) ends the segment quietly, also one that was written into zeroes. Damage elsewhere costs only the records it hit:
 * reading goes on at the next place where a record authenticates, which nothing but a record can.
 */
import { kindOf } from '../errors.ts'
import { decodeRecord, type JournalRecord } from '../format/journal-record.ts'
import {
  decodeRecordFrame,
  RECORD_HEAD_BYTES,
  type RecordFrame,
  SEGMENT_HEADER_BYTES,
} from '../format/journal-segment.ts'
import { SegmentOpener } from '../seal/journal-seal.ts'
import type { Keys } from '../seal/keys.ts'

/** Disks write so much or nothing. */
const SECTOR_BYTES = 512

/** Yields the records of a segment in order. `onDamage` is called once if any were lost to damage. Fails with `newer-version`, `wrong-key`. */
export function* readSegment(segment: Buffer, keys: Keys, onDamage: () => void): Generator<JournalRecord> {
  const damage = once(onDamage)
  const opener = openSegment(segment, keys, damage)
  if (opener === undefined) return
  let [offset, after] = [SEGMENT_HEADER_BYTES, -1]
  for (;;) {
    const frame = decodeRecordFrame(segment, offset, after)
    if (frame.kind === 'end') return
    const record = frame.kind === 'record' ? openRecord(opener.open(frame)) : undefined
    if (frame.kind === 'record' && record !== undefined) {
      yield record
      offset = frame.end
      after = frame.number
      continue
    }
    const next = findRecord(segment, offset + 1, after, opener)
    const torn = next === undefined && isTornTail(segment, offset, frame)
    if (!torn) damage()
    if (next === undefined) return
    offset = next
  }
}

/** Fails with `newer-version`, `wrong-key` if that is what the start of a segment says; damage is for `readSegment` to find. */
export function requireReadable(header: Buffer, keys: Keys): void {
  openSegment(header, keys, () => {})
}

function openSegment(segment: Buffer, keys: Keys, damage: () => void): SegmentOpener | undefined {
  // Shorter than its header, or never written: the crash came while it was begun.
  if (segment.length < SEGMENT_HEADER_BYTES || segment.every((byte) => byte === 0)) return undefined
  try {
    return new SegmentOpener(segment, keys)
  } catch (error) {
    if (kindOf(error) !== 'corrupt') throw error
    damage()
    return undefined
  }
}

function openRecord(plain: Buffer | undefined): JournalRecord | undefined {
  if (plain === undefined) return undefined
  try {
    return decodeRecord(plain)
  } catch (error) {
    if (kindOf(error) !== 'corrupt') throw error
    return undefined
  }
}

/** The next offset where a record authenticates. */
function findRecord(segment: Buffer, from: number, after: number, opener: SegmentOpener): number | undefined {
  for (let offset = from; offset + RECORD_HEAD_BYTES < segment.length; offset++) {
    // No record begins with a length of zero; zeroed pages are passed over without a closer look.
    if (segment.readUInt32LE(offset) === 0) continue
    const frame = decodeRecordFrame(segment, offset, after)
    if (frame.kind === 'record' && openRecord(opener.open(frame)) !== undefined) return offset
  }
  return undefined
}

/** Whether what stands at `offset`, and no record follows, was being written when the power went. */
function isTornTail(segment: Buffer, offset: number, frame: RecordFrame): boolean {
  // The last record of all is whole in length but not in content.
  if (frame.kind === 'record' && isZero(segment.subarray(frame.end))) return true
  // Some sectors of what was written into zeroes came to the disk, and others did not.
  for (let start = offset; !isZero(segment.subarray(start)); start += SECTOR_BYTES - (start % SECTOR_BYTES)) {
    if (isZero(segment.subarray(start, start + SECTOR_BYTES - (start % SECTOR_BYTES)))) return true
  }
  return false
}

function isZero(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1)))
}

function once(call: () => void): () => void {
  let called = false
  return () => {
    if (!called) call()
    called = true
  }
}
