/**
 * Reading and writing little-endian fields one after another.
 *
 * A Reader never reads past its bytes, whatever lengths hostile input claims; what does not fit is `corrupt`.
 */
import assert from 'node:assert/strict'
import { DfsError } from '../errors.ts'

export class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#skip(1))
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#skip(2))
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4))
  }

  /** 8 bytes that hold a safe integer. */
  u53(): number {
    const low = this.u32()
    const high = this.u32()
    if (high >= 0x20_0000) throw corrupt('a number is larger than 2^53 - 1')
    return high * 0x1_0000_0000 + low
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#skip(8))
  }

  i64(): bigint {
    return this.#bytes.readBigInt64LE(this.#skip(8))
  }

  /** The next `length` bytes, a view of the same memory. */
  bytes(length: number): Buffer {
    const at = this.#skip(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** Fails with `corrupt` if bytes are left. */
  end(): void {
    if (this.remaining > 0) throw corrupt(`${this.remaining} bytes too many`)
  }

  #skip(length: number): number {
    const at = this.#at
    if (!(length >= 0 && length <= this.remaining)) throw corrupt('too short')
    this.#at = at + length
    return at
  }
}

const FIRST_CAPACITY_BYTES = 256

/** Chainable; grows as needed. A value that does not fit its field is the caller's fault: RangeError. */
export class Writer {
  #bytes: Buffer
  #at = 0
  /** What comes before `#start` of the writer's memory. */
  readonly #before: Buffer[] = []
  #start = 0

  /** `capacityBytes`: what it will be about, where that is much; growing costs three times as much memory on the way. */
  constructor(capacityBytes = FIRST_CAPACITY_BYTES) {
    this.#bytes = Buffer.allocUnsafe(capacityBytes)
  }

  u8(value: number): this {
    const at = this.#grow(1)
    this.#bytes.writeUInt8(value, at)
    return this
  }

  u16(value: number): this {
    const at = this.#grow(2)
    this.#bytes.writeUInt16LE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#grow(4)
    this.#bytes.writeUInt32LE(value, at)
    return this
  }

  /** 8 bytes; a safe integer, not negative. */
  u53(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an integer from 0 to 2^53 - 1: ${value}`)
    return this.u32(value % 0x1_0000_0000).u32(Math.floor(value / 0x1_0000_0000))
  }

  u64(value: bigint): this {
    const at = this.#grow(8)
    this.#bytes.writeBigUInt64LE(value, at)
    return this
  }

  i64(value: bigint): this {
    const at = this.#grow(8)
    this.#bytes.writeBigInt64LE(value, at)
    return this
  }

  /** Copies them. */
  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  /** Has them where they are: `pieces` gives them out as they are then. */
  view(bytes: Buffer): this {
    this.#before.push(this.#rest(), bytes)
    this.#start = this.#at
    return this
  }

  /** All that was written, none of it with `view`: a view of the writer's memory. The writer is not to be used after that. */
  finish(): Buffer {
    assert(this.#before.length === 0, 'in one piece')
    return this.#rest()
  }

  /** All that was written, one piece after the other, as `finish`. */
  pieces(): Buffer[] {
    return [...this.#before, this.#rest()]
  }

  #rest(): Buffer {
    return this.#bytes.subarray(this.#start, this.#at)
  }

  #grow(length: number): number {
    const at = this.#at
    const needed = at + length
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    this.#at = needed
    return at
  }
}

function corrupt(why: string): DfsError {
  return new DfsError('corrupt', `the data does not parse: ${why}`, { op: 'decode' })
}
