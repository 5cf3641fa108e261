/**
 * Slots in which nothing stays that was given back: whoever looks at it later finds other bytes, whoever writes to it
 * later, or gives it back twice, is found out.
 */
import assert from 'node:assert/strict'
import { SharedSlots, type SlotSizes } from '../../src/bytes/shared-slots.ts'

const PAGE_BYTES = 4096
const POISON = Buffer.alloc(PAGE_BYTES, 0xdb)
const SIZES = { bytes: [PAGE_BYTES, 2 * PAGE_BYTES, 64 * 1024, 1024 * 1024], count: 40 }

export class PoisonedSlots extends SharedSlots {
  readonly #taken = new Set<number>()
  /** Offsets of pages of slots that were given back at least once. */
  readonly #poisoned = new Set<number>()

  /** Sizes of whole pages. */
  constructor(sizes: SlotSizes = SIZES) {
    super(sizes)
  }

  /** How many slots are taken. */
  get takenCount(): number {
    return this.#taken.size
  }

  override take(bytes: number): Buffer {
    const taken = super.take(bytes)
    if (taken.buffer !== this.memory) return taken
    for (const page of this.#pagesOf(taken)) {
      const isWhole = !this.#poisoned.has(page.byteOffset) || page.equals(POISON)
      assert.ok(isWhole, 'not written to after it was given back')
    }
    this.#taken.add(taken.byteOffset)
    return taken
  }

  override give(bytes: Buffer): void {
    if (bytes.buffer === this.memory) {
      assert.ok(this.#taken.delete(bytes.byteOffset), 'given back once')
      for (const page of this.#pagesOf(bytes)) {
        page.set(POISON)
        this.#poisoned.add(page.byteOffset)
      }
    } else if (bytes.buffer instanceof SharedArrayBuffer) bytes.fill(POISON)
    super.give(bytes)
  }

  /** Of the whole slot. */
  #pagesOf(bytes: Buffer): Buffer[] {
    const pages = this.weightOf(bytes) / PAGE_BYTES
    return Array.from({ length: pages }, (_, i) => {
      return Buffer.from(this.memory, bytes.byteOffset + i * PAGE_BYTES, PAGE_BYTES)
    })
  }
}
