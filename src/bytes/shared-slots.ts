/**
 * Memory that all threads of a process see, in slots of one size that are used again and again.
 *
 * New memory is dear: the kernel clears and maps each 4 KiB of it at the first touch (4 µs each in a virtual machine,
 * measured: 1 ms a MiB), and its mass brings on garbage collections (133 of them a GiB that was read, measured). What was
 * never touched costs nothing, and the slot given back last is the next one taken.
 */
export class SharedSlots {
  /** All slots, one behind the other: give it to a thread once, then speak of offsets. */
  readonly memory: SharedArrayBuffer
  readonly slotBytes: number
  /** Offsets. */
  readonly #free: number[]

  constructor({ slots, slotBytes }: { slots: number; slotBytes: number }) {
    this.memory = new SharedArrayBuffer(slots * slotBytes)
    this.slotBytes = slotBytes
    this.#free = Array.from({ length: slots }, (_, i) => (slots - 1 - i) * slotBytes)
  }

  /** A slot with any bytes in it; if all are taken, shared memory of its own that is as long. */
  take(): Buffer {
    const offset = this.#free.pop()
    if (offset === undefined) return Buffer.from(new SharedArrayBuffer(this.slotBytes))
    return Buffer.from(this.memory, offset, this.slotBytes)
  }

  /** Gives a slot (or its first bytes) back, once. Memory that is no slot is left to the garbage collector. */
  give(bytes: Buffer): void {
    if (bytes.buffer === this.memory) this.#free.push(bytes.byteOffset)
  }
}
