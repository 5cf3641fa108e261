/**
 * Memory that all threads of a process see, in slots of a few sizes that are used again and again.
 *
 * New memory is dear: the kernel clears and maps each 4 KiB of it at the first touch (4 µs each in a virtual machine,
 * measured: 1 ms a MiB), and its mass brings on garbage collections (133 of them a GiB that was read, measured). What was
 * never touched costs nothing, and the slot given back last is the next one taken.
 */

export interface SlotSize {
  readonly bytes: number
  /** How many slots of this size there are. */
  readonly count: number
}

interface SlotClass {
  readonly bytes: number
  /** Where the slots of this class end. */
  readonly end: number
  /** Offsets. */
  readonly free: number[]
}

/**
 * Shared memory as it is sent to another thread; `memory` undefined: the slots', which that thread has. A view that is sent
 * would count there as all of its memory, and bring on garbage collections.
 */
export interface SharedPlace {
  readonly memory: SharedArrayBuffer | undefined
  readonly offset: number
  readonly bytes: number
}

export class SharedSlots {
  /** All slots, one behind the other: give it to a thread once, then speak of offsets. */
  readonly memory: SharedArrayBuffer
  /** From the smallest slots to the largest, in the order in which they lie. */
  readonly #classes: readonly SlotClass[]

  constructor(sizes: readonly SlotSize[]) {
    let end = 0
    this.#classes = sizes
      .toSorted((a, b) => a.bytes - b.bytes)
      .map(({ bytes, count }) => {
        const start = end
        end += count * bytes
        return { bytes, end, free: Array.from({ length: count }, (_, i) => start + (count - 1 - i) * bytes) }
      })
    this.memory = new SharedArrayBuffer(end)
  }

  /** So many bytes with anything in them: of a slot or, where all that are long enough are taken, of memory of their own. */
  take(bytes: number): Buffer {
    const found = this.#classes.find((one) => one.bytes >= bytes && one.free.length > 0)
    if (found === undefined) return Buffer.from(new SharedArrayBuffer(bytes))
    return Buffer.from(this.memory, found.free.pop()!, bytes)
  }

  /** Gives what was taken (or its first bytes) back, once. Memory that is no slot is left to the garbage collector. */
  give(bytes: Buffer): void {
    if (bytes.buffer === this.memory) this.#classOf(bytes).free.push(bytes.byteOffset)
  }

  /** How much memory these bytes keep from others. */
  weightOf(bytes: Buffer): number {
    return bytes.buffer === this.memory ? this.#classOf(bytes).bytes : bytes.length
  }

  /** Of what was taken, to be sent to a thread that has `memory`. */
  placeOf({ buffer, byteOffset, length }: Buffer): SharedPlace {
    if (!(buffer instanceof SharedArrayBuffer)) throw new TypeError('not shared memory')
    return { memory: buffer === this.memory ? undefined : buffer, offset: byteOffset, bytes: length }
  }

  #classOf({ byteOffset }: Buffer): SlotClass {
    return this.#classes.find(({ end }) => byteOffset < end)!
  }
}
