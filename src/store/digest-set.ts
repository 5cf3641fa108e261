/**
 * A set of block digests for collections over whole stores: packed, so that a million take some 45 MB, not 200.
 *
 * Digests lie in pages in the order of their adding, which numbers them from 0; hash tables of numbers, open
 * addressing with linear probing, find them. There is a table for each first byte, so that no growth stops the
 * event loop for long. A digest is uniformly random already: its next bytes are its hash.
 */
import { DIGEST_BYTES } from '../format/cid.ts'

const PAGE_DIGESTS = 4096
const TABLE_SLOTS_MIN = 16

interface Table {
  /** Numbers plus one; 0 is an empty slot. The length is a power of two, at least 4/3 of the count. */
  slots: Uint32Array
  count: number
}

export class DigestSet {
  readonly #pages: Buffer[] = []
  readonly #tables: Table[] = Array.from({ length: 256 }, () => ({ slots: new Uint32Array(TABLE_SLOTS_MIN), count: 0 }))
  #count = 0

  get size(): number {
    return this.#count
  }

  has(digest: Buffer): boolean {
    return this.numberOf(digest) !== undefined
  }

  /** The number of a digest, in the order of adding; undefined if it is not in the set. */
  numberOf(digest: Buffer): number | undefined {
    const { slots } = this.#tables[digest[0]!]!
    const entry = slots[this.#slotOf(slots, digest)]!
    return entry === 0 ? undefined : entry - 1
  }

  /** Adds a digest (32 bytes, copied) unless it is there; its number. */
  add(digest: Buffer): number {
    const table = this.#tables[digest[0]!]!
    const slot = this.#slotOf(table.slots, digest)
    const entry = table.slots[slot]!
    if (entry !== 0) return entry - 1
    const number = this.#append(digest)
    table.slots[slot] = number + 1
    table.count++
    if (table.count * 4 > table.slots.length * 3) this.#grow(table)
    return number
  }

  /** The digest with this number; its bytes must not be changed. */
  at(number: number): Buffer {
    const start = (number % PAGE_DIGESTS) * DIGEST_BYTES
    return this.#pages[Math.floor(number / PAGE_DIGESTS)]!.subarray(start, start + DIGEST_BYTES)
  }

  /** Bytes of memory that the digests and tables take. */
  get memoryBytes(): number {
    const tableBytes = this.#tables.reduce((sum, { slots }) => sum + slots.byteLength, 0)
    return this.#pages.length * PAGE_DIGESTS * DIGEST_BYTES + tableBytes
  }

  #append(digest: Buffer): number {
    const number = this.#count++
    if (number % PAGE_DIGESTS === 0) this.#pages.push(Buffer.allocUnsafeSlow(PAGE_DIGESTS * DIGEST_BYTES))
    digest.copy(this.at(number))
    return number
  }

  /** The slot that holds the digest, or the empty one where it belongs. */
  #slotOf(slots: Uint32Array, digest: Buffer): number {
    const mask = slots.length - 1
    for (let slot = digest.readUInt32LE(1) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!
      if (entry === 0 || this.#equals(entry - 1, digest)) return slot
    }
  }

  #equals(number: number, digest: Buffer): boolean {
    const page = this.#pages[Math.floor(number / PAGE_DIGESTS)]!
    const start = (number % PAGE_DIGESTS) * DIGEST_BYTES
    return page.compare(digest, 0, DIGEST_BYTES, start, start + DIGEST_BYTES) === 0
  }

  #grow(table: Table): void {
    const old = table.slots
    table.slots = new Uint32Array(old.length * 2)
    for (const entry of old) {
      if (entry !== 0) table.slots[this.#slotOf(table.slots, this.at(entry - 1))] = entry
    }
  }
}
