/**
 * The memory an answer is put together in: header first, so that it leaves in one write without a copy.
 */
import { OUT_HEADER } from './structs.ts'

const TWO_32 = 2 ** 32
const NANOSECONDS = 1_000_000_000n

export class Reply {
  readonly buffer: Buffer
  readonly #u32: Uint32Array
  #bodyBytes = 0

  constructor(bodyBytesMax: number) {
    this.buffer = Buffer.allocUnsafeSlow(OUT_HEADER.bytes + Math.ceil(bodyBytesMax / 8) * 8)
    this.#u32 = new Uint32Array(this.buffer.buffer)
  }

  /** Begins an answer of so many zero bytes behind the header. */
  begin(bodyBytes: number): this {
    this.#bodyBytes = bodyBytes
    this.#u32.fill(0, OUT_HEADER.bytes / 4, Math.ceil((OUT_HEADER.bytes + bodyBytes) / 4))
    return this
  }

  /** The answer has so many bytes behind the header, put there by whoever had `body`. */
  end(bodyBytes: number): this {
    this.#bodyBytes = bodyBytes
    return this
  }

  /** Where the answer's own bytes go. */
  body(bytes: number): Buffer {
    return this.buffer.subarray(OUT_HEADER.bytes, OUT_HEADER.bytes + bytes)
  }

  /** Completes the header; the length of the whole. */
  seal(unique: number, error = 0): number {
    const bytes = OUT_HEADER.bytes + this.#bodyBytes
    this.#u32[OUT_HEADER.len / 4] = bytes
    this.#u32[OUT_HEADER.error / 4] = error
    this.#u64(OUT_HEADER.unique, unique)
    return bytes
  }

  u16(at: number, value: number): void {
    this.buffer.writeUInt16LE(value, OUT_HEADER.bytes + at)
  }

  u32(at: number, value: number): void {
    this.#u32[(OUT_HEADER.bytes + at) / 4] = value
  }

  u64(at: number, value: number): void {
    this.#u64(OUT_HEADER.bytes + at, value)
  }

  /** A time in ns: seconds (signed) at `at`, nanoseconds at `atNs`. */
  time(at: number, atNs: number, timeNs: bigint): void {
    let nanoseconds = timeNs % NANOSECONDS
    // Before 1970 the seconds are negative and the nanoseconds still count forward.
    if (nanoseconds < 0n) nanoseconds += NANOSECONDS
    const seconds = Number((timeNs - nanoseconds) / NANOSECONDS)
    this.u32(at, seconds % TWO_32)
    this.u32(at + 4, Math.floor(seconds / TWO_32))
    this.u32(atNs, Number(nanoseconds))
  }

  latin1(at: number, text: string): void {
    this.buffer.write(text, OUT_HEADER.bytes + at, 'latin1')
  }

  #u64(at: number, value: number): void {
    this.#u32[at / 4] = value % TWO_32
    this.#u32[at / 4 + 1] = Math.floor(value / TWO_32)
  }
}
