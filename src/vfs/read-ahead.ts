/**
 * Decides how far ahead of one handle's reads to open chunks: nothing for random reads, a window that doubles
 * with every sequential one.
 */
const WINDOW_BYTES_MIN = 256 * 1024

export class ReadAhead {
  readonly #windowBytesMax: number
  #expected = 0
  #window = 0
  #reached = 0

  constructor(windowBytesMax: number) {
    this.#windowBytesMax = windowBytesMax
  }

  /** Notes a read; returns the range to open ahead now, if any. */
  note(offset: number, length: number): { from: number; to: number } | undefined {
    // The kernel sends the parts of one large read in any order: a little behind or ahead is still in sequence.
    const inSequence = Math.abs(offset - this.#expected) <= length
    if (!inSequence) {
      this.#window = 0
      this.#reached = 0
      this.#expected = offset + length
      return undefined
    }
    this.#expected = Math.max(this.#expected, offset + length)
    this.#window = Math.min(this.#windowBytesMax, Math.max(WINDOW_BYTES_MIN, this.#window * 2))
    const to = this.#expected + this.#window
    // Asking again for every small read costs more than it gives.
    if (to - this.#reached < this.#window / 4) return undefined
    const from = Math.max(this.#reached, offset)
    this.#reached = to
    return { from, to }
  }
}
