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

export class FrameAssembler {
  readonly #bytesMax: number
  readonly #onFrame: (frame: Buffer) => void
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #lengthHave = 0
  /** The frame that is coming in: its length, what has come, and where it is put. */
  #wanted = 0
  #have = 0
  #body: Buffer | undefined

  /** `onFrame` gets frames of at most `bytesMax` bytes; each owns its bytes or shares them with the pieces pushed. */
  constructor(bytesMax: number, onFrame: (frame: Buffer) => void) {
    this.#bytesMax = bytesMax
    this.#onFrame = onFrame
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
    const took = Math.min(bytes.length, this.#wanted - this.#have)
    if (this.#have === 0 && took === this.#wanted) this.#finish(bytes.subarray(0, took))
    else {
      const body = this.#roomFor(took)
      bytes.copy(body, this.#have, 0, took)
      this.#have += took
      if (this.#have === this.#wanted) this.#finish(body)
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
