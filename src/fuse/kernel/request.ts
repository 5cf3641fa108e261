/**
 * One request of the kernel in the memory it was read into. Nothing is copied but names; whatever a request says of
 * lengths is checked here, so that a malformed one fails with `invalid` and nothing worse.
 */
import type { ByteString, Ino } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import type { Caller } from '../../vfs/operations.ts'
import { IN_HEADER } from './structs.ts'

const TWO_32 = 2 ** 32
/** What file systems of Linux have; the kernel lets more through to us. */
const NAME_BYTES_MAX = 255
const NANOSECONDS = 1_000_000_000n

export class Request {
  /** Where the device is read into; the request's own bytes end at `length`. */
  readonly buffer: Buffer
  readonly #u32: Uint32Array
  #length = 0

  constructor(bytesMax: number) {
    this.buffer = Buffer.allocUnsafeSlow(Math.ceil(bytesMax / 8) * 8)
    this.#u32 = new Uint32Array(this.buffer.buffer)
  }

  /** Takes over what was just read; false if it is no request. */
  begin(bytes: number): boolean {
    this.#length = bytes
    return bytes >= IN_HEADER.bytes && this.#u32[0] === bytes
  }

  get opcode(): number {
    return this.#u32[IN_HEADER.opcode / 4] as number
  }

  get unique(): number {
    return this.#u64(IN_HEADER.unique)
  }

  get ino(): Ino {
    return this.#u64(IN_HEADER.nodeid) as Ino
  }

  get caller(): Caller {
    const u32 = this.#u32
    return {
      uid: u32[IN_HEADER.uid / 4] as number,
      gid: u32[IN_HEADER.gid / 4] as number,
      pid: this.pid,
    }
  }

  /** The thread that asks, as this process sees it: 0 if it cannot, or if the kernel asks for nobody in particular. */
  get pid(): number {
    return this.#u32[IN_HEADER.pid / 4] as number
  }

  /** Length of what follows the header. */
  get bodyBytes(): number {
    return this.#length - IN_HEADER.bytes
  }

  /** A field of the body; the caller has checked that the body is long enough. */
  u32(at: number): number {
    return this.#u32[(IN_HEADER.bytes + at) / 4] as number
  }

  /** A field that counts something: beyond 2^53 (no file is that long) it fails with `too-large`. */
  u64(at: number): number {
    const value = this.#u64(IN_HEADER.bytes + at)
    if (value > Number.MAX_SAFE_INTEGER) throw new DfsError('too-large', 'a number beyond 2^53')
    return value
  }

  /** Where in a file something is looked for: beyond 2^53 there is nothing, as at 2^53. */
  position(at: number): number {
    return Math.min(this.#u64(IN_HEADER.bytes + at), Number.MAX_SAFE_INTEGER)
  }

  /** The file handle at `at`, as we gave it. */
  handle(at: number): number {
    return this.#u64(IN_HEADER.bytes + at)
  }

  nodeid(at: number): Ino {
    return this.#u64(IN_HEADER.bytes + at) as Ino
  }

  /** A time in ns: seconds (signed) at `at`, nanoseconds at `atNs`. */
  time(at: number, atNs: number): bigint {
    const seconds = this.buffer.readBigInt64LE(IN_HEADER.bytes + at)
    return seconds * NANOSECONDS + BigInt(this.u32(atNs))
  }

  /** A name of a directory's entry, ended by NUL. */
  name(at: number): ByteString {
    const name = this.text(at)
    if (name === '' || name === '.' || name === '..' || name.includes('/')) throw new DfsError('invalid', 'not a name')
    if (name.length > NAME_BYTES_MAX) throw new DfsError('name-too-long', 'the name is too long')
    return name
  }

  /** Any text ended by NUL. */
  text(at: number): ByteString {
    const start = IN_HEADER.bytes + at
    const end = this.buffer.indexOf(0, start)
    if (end < 0 || end >= this.#length) throw new DfsError('invalid', 'a text without an end')
    return this.buffer.toString('latin1', start, end)
  }

  /** Part of the request's own memory, good until the request is answered. */
  bytes(at: number, length: number): Buffer {
    if (at + length > this.bodyBytes) throw new DfsError('invalid', 'a request shorter than it says')
    return this.buffer.subarray(IN_HEADER.bytes + at, IN_HEADER.bytes + at + length)
  }

  #u64(at: number): number {
    return (this.#u32[at / 4] as number) + (this.#u32[at / 4 + 1] as number) * TWO_32
  }
}
