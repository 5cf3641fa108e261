/**
 * Which bytes of a block have come. Ranges that touch are joined; one that overlaps is refused, so that nobody can
 * keep us busy with the same bytes.
 */
export class Coverage {
  readonly bytesMax: number
  /** Sorted, apart from each other. */
  readonly #ranges: { from: number; to: number }[] = []
  #bytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** How many bytes have come. */
  get bytes(): number {
    return this.#bytes
  }

  /** Notes [from, to); false, and nothing noted, if any of it had come before or lies outside. */
  add(from: number, to: number): boolean {
    if (from >= to || to > this.bytesMax) return false
    let at = this.#ranges.findIndex((range) => range.to >= from)
    if (at === -1) at = this.#ranges.length
    const before = this.#ranges[at]
    const touches = before !== undefined && before.to === from
    const after = this.#ranges[touches ? at + 1 : at]
    if (after !== undefined && after.from < to) return false
    if (touches) before.to = to
    else this.#ranges.splice(at, 0, { from, to })
    if (after !== undefined && after.from === to) {
      this.#ranges[at]!.to = after.to
      this.#ranges.splice(at + 1, 1)
    }
    this.#bytes += to - from
    return true
  }
}
