/**
 * Sealing of journal segments. A segment has a random salt and a key derived from it; a record's nonce is its number,
 * which goes up with every seal and never back, so no number seals twice even if a write failed.
 */
import { type KeyObject, randomBytes } from 'node:crypto'
import { gather, lengthOfAll } from '../bytes/gather.ts'
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
import { openMessage, sealPieces, secretKey } from './aead.ts'
import { keyedHash } from './hash.ts'
import type { EpochKeys, Keys } from './keys.ts'

/** So much of a record at a time: one may be as long as all that was written since the last. */
const PIECE_BYTES_MAX = 256 * 1024

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

  /**
   * The bytes to append for a record with this plaintext, which is not to change until the last of them: head, ciphertext,
   * tag. Those of a long record come in several pieces, each good until the next.
   */
  *seal(plain: readonly Buffer[]): Generator<Buffer> {
    const number = this.#number++
    const plainBytes = lengthOfAll(plain)
    const head = encodeRecordHead(number, plainBytes)
    const sealed = sealPieces({ key: this.#key, nonce: recordNonce(number), aad: head }, plain)
    const recordBytes = RECORD_HEAD_BYTES + plainBytes + TAG_BYTES
    yield* gather(chain(head, sealed), Math.min(recordBytes, PIECE_BYTES_MAX))
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

function* chain(head: Buffer, rest: Iterable<Buffer>): Generator<Buffer> {
  yield head
  yield* rest
}

function segmentKey(salt: Buffer, keys: EpochKeys): KeyObject {
  return secretKey(keyedHash(keys.journalSecret, salt))
}
