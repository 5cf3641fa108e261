/**
 * Memory that all threads of a process see, in slots that are used again and again.
 *
 * New memory is dear: the kernel clears and maps each 4 KiB of it at the first touch (4 µs each in a virtual machine,
 * measured: 1 ms a MiB), and its mass brings on garbage collections (133 of them a GiB that was read, measured). What was
 * never touched costs nothing, and what was given back last is taken next.
 *
 * There are slots of the largest size, which are cut into smaller ones, all of one size, as these are wanted, and are whole again
 * when all of them are back: so the memory in use is what all sizes needed together at some time, not each at its own.
 */

export interface SlotSizes {
  /** In bytes, from the smallest to the largest. */
  readonly bytes: readonly number[]
  /** How many slots of the largest size there are. */
  readonly count: number
}

interface SlotSize {
  readonly bytes: number
  /** How many there are in a sheet. */
  readonly perSheet: number
  /** Those with slots that are not taken. */
  readonly sheets: Set<Sheet>
}

/** One of the largest slots, cut into slots of one size. */
interface Sheet {
  readonly offset: number
  readonly size: SlotSize
  /** So many were cut off so far. */
  cut: number
  taken: number
  /** Offsets of those that were given back. */
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
  readonly #sizes: readonly SlotSize[]
  readonly #largestBytes: number
  /** Offsets of the largest slots that are not cut, nor taken. */
  readonly #whole: number[]
  /** The others, by their number. */
  readonly #sheets: (Sheet | undefined)[] = []

  constructor({ bytes, count }: SlotSizes) {
    const largest = bytes.at(-1)!
    this.#sizes = bytes.map((each) => ({ bytes: each, perSheet: Math.floor(largest / each), sheets: new Set() }))
    this.#largestBytes = largest
    this.#whole = Array.from({ length: count }, (_, i) => (count - 1 - i) * this.#largestBytes)
    this.memory = new SharedArrayBuffer(count * this.#largestBytes)
  }

  /** So many bytes with anything in them: of a slot or, where all that are long enough are taken, of memory of their own. */
  take(bytes: number): Buffer {
    for (const size of this.#sizes) {
      if (size.bytes < bytes) continue
      const sheet = firstOf(size.sheets) ?? this.#newSheet(size)
      if (sheet === undefined) continue
      const offset = sheet.free.pop() ?? sheet.offset + sheet.cut++ * size.bytes
      if (++sheet.taken === size.perSheet) size.sheets.delete(sheet)
      return Buffer.from(this.memory, offset, bytes)
    }
    return Buffer.from(new SharedArrayBuffer(bytes))
  }

  /** Gives what was taken (or its first bytes) back, once. Memory that is no slot is left to the garbage collector. */
  give(bytes: Buffer): void {
    if (bytes.buffer !== this.memory) return
    const sheet = this.#sheetOf(bytes)
    sheet.free.push(bytes.byteOffset)
    if (--sheet.taken === 0) this.#mend(sheet)
    else sheet.size.sheets.add(sheet)
  }

  /** How much memory these bytes keep from others. */
  weightOf(bytes: Buffer): number {
    return bytes.buffer === this.memory ? this.#sheetOf(bytes).size.bytes : bytes.length
  }

  /** Of what was taken, to be sent to a thread that has `memory`. */
  placeOf({ buffer, byteOffset, length }: Buffer): SharedPlace {
    if (!(buffer instanceof SharedArrayBuffer)) throw new TypeError('not shared memory')
    return { memory: buffer === this.memory ? undefined : buffer, offset: byteOffset, bytes: length }
  }

  #newSheet(size: SlotSize): Sheet | undefined {
    const offset = this.#whole.pop()
    if (offset === undefined) return undefined
    const sheet = { offset, size, cut: 0, taken: 0, free: [] }
    this.#sheets[offset / this.#largestBytes] = sheet
    size.sheets.add(sheet)
    return sheet
  }

  #mend(sheet: Sheet): void {
    sheet.size.sheets.delete(sheet)
    this.#sheets[sheet.offset / this.#largestBytes] = undefined
    this.#whole.push(sheet.offset)
  }

  #sheetOf({ byteOffset }: Buffer): Sheet {
    return this.#sheets[Math.floor(byteOffset / this.#largestBytes)]!
  }
}

function firstOf<T>(of: Iterable<T>): T | undefined {
  for (const first of of) return first
}
