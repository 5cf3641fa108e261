/**
 * The framing of the control socket: 4 bytes little-endian payload length, 1 byte kind, the payload.
 * Both ends are one machine and one version, but what arrives is still checked: a frame over the
 * limit, of an unknown kind or with broken JSON is `invalid`, and the connection ends.
 */
import { DfsError } from '../errors.ts'

/** Longest payload of one frame; content travels in pieces of at most this. */
export const FRAME_BYTES_MAX = 1024 * 1024

const HEADER_BYTES = 5
const KIND_JSON = 0
const KIND_BYTES = 1

export type Frame =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }

/** Fails with `too-large` if the value does not fit one frame. */
export function encodeJsonFrame(value: unknown): Buffer {
  return encodeFrame(KIND_JSON, Buffer.from(JSON.stringify(value)))
}

export function encodeBytesFrame(bytes: Buffer): Buffer {
  return encodeFrame(KIND_BYTES, bytes)
}

function encodeFrame(kind: number, payload: Buffer): Buffer {
  if (payload.length > FRAME_BYTES_MAX) {
    throw new DfsError('too-large', `a message of ${payload.length} bytes`, {
      op: 'control',
      mend: 'name fewer things at once',
    })
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
  frame.writeUInt32LE(payload.length, 0)
  frame.writeUInt8(kind, 4)
  payload.copy(frame, HEADER_BYTES)
  return frame
}

/** Cuts a byte stream into frames; holds at most one incomplete frame. */
export class FrameParser {
  #pieces: Buffer[] = []
  #bytes = 0

  /** The frames that `piece` completes. Fails with `invalid`; the stream is of no use then. */
  push(piece: Buffer): Frame[] {
    const frames: Frame[] = []
    this.#pieces.push(piece)
    this.#bytes += piece.length
    while (this.#bytes >= HEADER_BYTES) {
      const header = this.#peek(HEADER_BYTES)
      const length = header.readUInt32LE(0)
      if (length > FRAME_BYTES_MAX) throw malformed(`a frame of ${length} bytes`)
      if (this.#bytes < HEADER_BYTES + length) break
      const frame = this.#take(HEADER_BYTES + length)
      frames.push(decodeFrame(header.readUInt8(4), frame.subarray(HEADER_BYTES)))
    }
    return frames
  }

  #peek(length: number): Buffer {
    const first = this.#pieces[0]!
    if (first.length < length) this.#pieces = [Buffer.concat(this.#pieces, this.#bytes)]
    return this.#pieces[0]!.subarray(0, length)
  }

  #take(length: number): Buffer {
    if (this.#pieces[0]!.length < length) this.#pieces = [Buffer.concat(this.#pieces, this.#bytes)]
    const whole = this.#pieces[0]!
    if (whole.length === length) this.#pieces.shift()
    else this.#pieces[0] = whole.subarray(length)
    this.#bytes -= length
    return whole.subarray(0, length)
  }
}

function decodeFrame(kind: number, payload: Buffer): Frame {
  if (kind === KIND_BYTES) return { kind: 'bytes', bytes: payload }
  if (kind !== KIND_JSON) throw malformed(`a frame of kind ${kind}`)
  try {
    return { kind: 'json', value: JSON.parse(payload.toString('utf8')) }
  } catch (cause) {
    throw malformed('broken JSON', cause)
  }
}

function malformed(what: string, cause?: unknown): DfsError {
  return new DfsError('invalid', `malformed input on the control socket: ${what}`, { op: 'control', cause })
}
