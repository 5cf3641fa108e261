/**
 * Slots in which nothing stays that was given back: whoever looks at it later finds other bytes, whoever writes to it
 * later, or gives it back twice, is found out.
 */
import assert from 'node:assert/strict'
import { SharedSlots } from '../../src/bytes/shared-slots.ts'

const POISON = 0xdb
const CLASSES = [
  { bytes: 64 * 1024, count: 256 },
  { bytes: 1024 * 1024, count: 24 },
]

export class PoisonedSlots extends SharedSlots {
  readonly #taken = new Set<number>()
  /** Offsets of slots that were given back at least once. */
  readonly #poisoned = new Set<number>()

  constructor(sizes = CLASSES) {
    super(sizes)
  }

  /** How many slots are taken. */
  get takenCount(): number {
    return this.#taken.size
  }

  override take(bytes: number): Buffer {
    const taken = super.take(bytes)
    if (taken.buffer !== this.memory) return taken
    const slot = this.#slotOf(taken)
    if (this.#poisoned.has(taken.byteOffset)) {
      assert.ok(slot.equals(Buffer.alloc(slot.length, POISON)), 'not written to after it was given back')
    }
    this.#taken.add(taken.byteOffset)
    return taken
  }

  override give(bytes: Buffer): void {
    if (bytes.buffer === this.memory) {
      assert.ok(this.#taken.delete(bytes.byteOffset), 'given back once')
      this.#slotOf(bytes).fill(POISON)
      this.#poisoned.add(bytes.byteOffset)
    } else if (bytes.buffer instanceof SharedArrayBuffer) bytes.fill(POISON)
    super.give(bytes)
  }

  #slotOf(bytes: Buffer): Buffer {
    return Buffer.from(this.memory, bytes.byteOffset, this.weightOf(bytes))
  }
}
