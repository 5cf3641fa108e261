/**
 * A set of byte ranges [from, to), kept sorted and merged.
 */
export interface Range {
  readonly from: number
  readonly to: number
}

export class RangeSet {
  #ranges: Range[] = []

  get isEmpty(): boolean {
    return this.#ranges.length === 0
  }

  get bytes(): number {
    let sum = 0
    for (const { from, to } of this.#ranges) sum += to - from
    return sum
  }

  [Symbol.iterator](): Iterator<Range> {
    return this.#ranges[Symbol.iterator]()
  }

  add(from: number, to: number): void {
    if (from >= to) return
    const ranges = this.#ranges
    const last = ranges.at(-1)
    // Appending is what nearly every writer does.
    if (last === undefined || from > last.to) {
      ranges.push({ from, to })
      return
    }
    if (from >= last.from) {
      if (to > last.to) ranges[ranges.length - 1] = { from: last.from, to }
      return
    }
    const first = this.#firstEndingAt(from)
    let end = first
    let low = from
    let high = to
    for (; end < ranges.length && ranges[end]!.from <= to; end++) {
      low = Math.min(low, ranges[end]!.from)
      high = Math.max(high, ranges[end]!.to)
    }
    ranges.splice(first, end - first, { from: low, to: high })
  }

  clear(): void {
    this.#ranges = []
  }

  covers(from: number, to: number): boolean {
    if (from >= to) return true
    const range = this.#ranges[this.#firstEndingAfter(from)]
    return range !== undefined && range.from <= from && range.to >= to
  }

  /** The parts of [from, to) that are not in the set, in order. */
  gaps(from: number, to: number): Range[] {
    const gaps: Range[] = []
    let at = from
    for (let i = this.#firstEndingAfter(from); i < this.#ranges.length && at < to; i++) {
      const range = this.#ranges[i]!
      if (range.from >= to) break
      if (range.from > at) gaps.push({ from: at, to: range.from })
      at = Math.max(at, range.to)
    }
    if (at < to) gaps.push({ from: at, to })
    return gaps
  }

  clone(): RangeSet {
    const copy = new RangeSet()
    copy.#ranges = [...this.#ranges]
    return copy
  }

  /** Index of the first range whose end is at or after `offset`. */
  #firstEndingAt(offset: number): number {
    return this.#search((range) => range.to >= offset)
  }

  #firstEndingAfter(offset: number): number {
    return this.#search((range) => range.to > offset)
  }

  #search(holds: (range: Range) => boolean): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(this.#ranges[middle]!)) high = middle
      else low = middle + 1
    }
    return low
  }
}
