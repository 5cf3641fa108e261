/**
 * The part of one chunk that was written and is not yet in a block.
 *
 * `valid` says which bytes of the buffer count (the rest shows through from below); `uncommitted` which of them no
 * journal record has. While a chunk is frozen (being sealed) its bytes never change: a write then goes to a fork,
 * because a sealing key is derived from the bytes it seals.
 */
import { RangeSet } from './range-set.ts'

const FIRST_BYTES = 4096
const SHARED_BYTES_MIN = 128 * 1024

export class DirtyChunk {
  readonly index: number
  readonly bytesMax: number
  valid = new RangeSet()
  uncommitted = new RangeSet()
  /** Counts the holders that rely on the bytes not changing. */
  frozen = 0
  #buffer: Buffer

  constructor(index: number, bytesMax: number) {
    this.index = index
    this.bytesMax = bytesMax
    this.#buffer = Buffer.alloc(0)
  }

  /** Memory that this chunk answers for, in bytes. */
  get weight(): number {
    return this.valid.bytes
  }

  /** Bytes up to the end of the last valid range. */
  get end(): number {
    let end = 0
    for (const range of this.valid) end = range.to
    return end
  }

  write(at: number, bytes: Buffer): void {
    const end = at + bytes.length
    this.#reserve(end)
    bytes.copy(this.#buffer, at)
    this.valid.add(at, end)
    this.uncommitted.add(at, end)
  }

  zero(from: number, to: number): void {
    this.#reserve(to)
    this.#buffer.fill(0, from, to)
    this.valid.add(from, to)
    this.uncommitted.add(from, to)
  }

  /** Drops what lies at `from` or behind. */
  cut(from: number): void {
    this.valid.cut(from)
    this.uncommitted.cut(from)
  }

  slice(from: number, to: number): Buffer {
    return this.#buffer.subarray(from, to)
  }

  fork(): DirtyChunk {
    const copy = new DirtyChunk(this.index, this.bytesMax)
    copy.#buffer = allocate(this.#buffer.length)
    this.#buffer.copy(copy.#buffer)
    copy.valid = this.valid.clone()
    copy.uncommitted = this.uncommitted.clone()
    return copy
  }

  #reserve(end: number): void {
    if (end <= this.#buffer.length) return
    // A large chunk is allocated whole: untouched pages cost nothing. Small ones grow, for most files are small.
    const grown = Math.max(FIRST_BYTES, end, this.#buffer.length * 2)
    const buffer = allocate(grown > this.bytesMax / 4 ? this.bytesMax : grown)
    this.#buffer.copy(buffer)
    this.#buffer = buffer
  }
}

/**
 * Large buffers are shared with the sealing threads, so that sealing needs neither a copy nor a transfer; for small
 * ones the sharing would cost more than the copy.
 */
export function allocate(bytes: number): Buffer {
  return bytes < SHARED_BYTES_MIN ? Buffer.allocUnsafeSlow(bytes) : Buffer.from(new SharedArrayBuffer(bytes))
}
