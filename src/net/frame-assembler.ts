/**
 * Bytes into frames: on the wire a frame is its length as u32 little-endian, then that many bytes.
 *
 * What a frame costs in memory follows what has arrived of it, not what its length promises, and however small the
 * pieces are in which it comes.
 */
import { DfsError } from '../errors.ts'

export const LENGTH_BYTES = 4

/** The room given to a frame before more of it has come, and by how much that grows. */
const FIRST_BYTES = 64 * 1024
const GROWTH = 4

/** Where the body of a frame goes, instead of into memory of its own. */
export interface Placement {
  /** As long as the body. May be exchanged for another while the body comes in. */
  into: Buffer
  /** All of the body is there. The frame is not given to `onFrame`. */
  done(): void
}

/** Says where the rest of a frame goes that begins with this head; undefined: it is a frame like any other. */
export type Place = (head: Buffer, bodyBytes: number) => Placement | undefined

export class FrameAssembler {
  readonly #bytesMax: number
  readonly #onFrame: (frame: Buffer) => void
  readonly #isLent: boolean
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #lengthHave = 0
  /** The frame that is coming in: its length, what has come, and where it is put. */
  #wanted = 0
  #have = 0
  #body: Buffer | undefined
  #head: Buffer | undefined
  #place: Place | undefined
  #placement: Placement | undefined

  /**
   * `onFrame` gets frames of at most `bytesMax` bytes; each owns its bytes or, unless those are lent only until `push`
   * returns (`isLent`), shares them with the pieces pushed.
   */
  constructor(bytesMax: number, onFrame: (frame: Buffer) => void, { isLent = false } = {}) {
    this.#bytesMax = bytesMax
    this.#onFrame = onFrame
    this.#isLent = isLent
  }

  /** From the next frame on, `place` is asked about each that is longer than its first `headBytes` bytes. */
  placeBodies(headBytes: number, place: Place): void {
    this.#head = Buffer.alloc(headBytes)
    this.#place = place
  }

  /** Fails with `invalid` on a frame that is too long; nothing may be pushed after that. */
  push(piece: Uint8Array): void {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    while (rest.length > 0) rest = this.#lengthHave < LENGTH_BYTES ? this.#takeLength(rest) : this.#takeBody(rest)
  }

  /** Whether the bytes so far end where a frame ends. */
  get isBetweenFrames(): boolean {
    return this.#lengthHave === 0
  }

  #takeLength(bytes: Buffer): Buffer {
    const took = bytes.copy(this.#length, this.#lengthHave, 0, LENGTH_BYTES - this.#lengthHave)
    this.#lengthHave += took
    if (this.#lengthHave === LENGTH_BYTES) {
      this.#wanted = this.#length.readUInt32LE()
      if (this.#wanted > this.#bytesMax) {
        throw new DfsError('invalid', `a frame of ${this.#wanted} bytes came where ${this.#bytesMax} is the most`)
      }
      if (this.#wanted === 0) this.#finish(Buffer.alloc(0))
    }
    return bytes.subarray(took)
  }

  #takeBody(bytes: Buffer): Buffer {
    const head = this.#head
    if (head !== undefined && this.#wanted > head.length) {
      if (this.#have < head.length) return this.#takeHead(bytes, head)
      if (this.#placement !== undefined) return this.#takePlaced(bytes, head.length, this.#placement)
    }
    const took = Math.min(bytes.length, this.#wanted - this.#have)
    if (this.#have === 0 && took === this.#wanted && !this.#isLent) this.#finish(bytes.subarray(0, took))
    else {
      const body = this.#roomFor(took)
      bytes.copy(body, this.#have, 0, took)
      this.#have += took
      if (this.#have === this.#wanted) this.#finish(body)
    }
    return bytes.subarray(took)
  }

  #takeHead(bytes: Buffer, head: Buffer): Buffer {
    const took = bytes.copy(head, this.#have, 0, head.length - this.#have)
    this.#have += took
    if (this.#have < head.length) return bytes.subarray(took)
    this.#placement = this.#place!(head, this.#wanted - head.length)
    if (this.#placement === undefined) {
      this.#have = 0
      head.copy(this.#roomFor(head.length))
      this.#have = head.length
    }
    return bytes.subarray(took)
  }

  #takePlaced(bytes: Buffer, headBytes: number, placement: Placement): Buffer {
    const took = bytes.copy(placement.into, this.#have - headBytes, 0, this.#wanted - this.#have)
    this.#have += took
    if (this.#have === this.#wanted) {
      this.#lengthHave = 0
      this.#have = 0
      this.#placement = undefined
      placement.done()
    }
    return bytes.subarray(took)
  }

  #roomFor(more: number): Buffer {
    const needed = this.#have + more
    const body = this.#body
    if (body !== undefined && body.length >= needed) return body
    const bytes = Math.min(this.#wanted, Math.max(FIRST_BYTES, needed, (body?.length ?? 0) * GROWTH))
    const larger = Buffer.allocUnsafeSlow(bytes)
    body?.copy(larger, 0, 0, this.#have)
    this.#body = larger
    return larger
  }

  #finish(frame: Buffer): void {
    this.#lengthHave = 0
    this.#have = 0
    this.#body = undefined
    this.#onFrame(frame)
  }
}
