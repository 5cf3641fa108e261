/**
 * Sealing of journal segments. A segment has a random salt and a key derived from it; a record's nonce is its number,
 * which goes up with every seal and never back, so no number seals twice even if a write failed.
 */
import { type KeyObject, randomBytes } from 'node:crypto'
import { DfsError } from '../errors.ts'
import { TAG_BYTES } from '../format/block.ts'
import {
  decodeSegmentHeader,
  encodeRecordHead,
  encodeSegmentHeader,
  RECORD_HEAD_BYTES,
  RECORD_NUMBER_MAX,
  type RecordFrame,
  recordNonce,
  SEGMENT_SALT_BYTES,
} from '../format/journal-segment.ts'
import { openMessage, sealInto, secretKey } from './aead.ts'
import { keyedHash } from './hash.ts'
import type { EpochKeys, Keys } from './keys.ts'

/** Seals the records of one new segment. Never to be made twice for one segment. */
export class SegmentSealer {
  /** What the segment's file begins with. */
  readonly header: Buffer
  readonly #key: KeyObject
  #number = 0

  constructor(keys: Keys) {
    const salt = randomBytes(SEGMENT_SALT_BYTES)
    this.header = encodeSegmentHeader({ keyId: keys.keyId, epoch: keys.epoch, salt })
    this.#key = segmentKey(salt, keys)
  }

  /** True once the segment can take no more records. */
  get full(): boolean {
    return this.#number > RECORD_NUMBER_MAX
  }

  /** The bytes to append for a record with this plaintext: head, ciphertext, tag. */
  seal(plain: Buffer): Buffer {
    const number = this.#number++
    const head = encodeRecordHead(number, plain.length)
    const record = Buffer.allocUnsafe(RECORD_HEAD_BYTES + plain.length + TAG_BYTES)
    record.set(head)
    sealInto(record, RECORD_HEAD_BYTES, { key: this.#key, nonce: recordNonce(number), aad: head }, plain)
    return record
  }
}

/** Opens the records of one segment. */
export class SegmentOpener {
  readonly #key: KeyObject

  /** `segment`: its bytes, the header at least. Fails with `corrupt`, `newer-version`, `wrong-key`. */
  constructor(segment: Buffer, keys: Keys) {
    const { keyId, salt } = decodeSegmentHeader(segment)
    const epoch = keys.ofKeyId(keyId)
    if (epoch === undefined) {
      throw new DfsError('wrong-key', 'the journal segment is sealed with another personal key', { op: 'open journal' })
    }
    this.#key = segmentKey(salt, epoch)
  }

  /** The plaintext of a record that `decodeRecordFrame` found; undefined if it does not authenticate. */
  open({ number, sealed, aad }: Extract<RecordFrame, { kind: 'record' }>): Buffer | undefined {
    return openMessage({ key: this.#key, nonce: recordNonce(number), aad }, sealed)
  }
}

function segmentKey(salt: Buffer, keys: EpochKeys): KeyObject {
  return secretKey(keyedHash(keys.journalSecret, salt))
}
