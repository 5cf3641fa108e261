/**
 * An order of use: what was used last at one end, what was not used for longest at the other.
 *
 * The links are in the items themselves, so that a use costs the same however many there are. (A Map or Set that is
 * reordered by deleting and inserting leaves gaps, which whoever asks for its first entry has to pass.)
 *
 * Invariant: an item is in at most one list, and has no neighbours while it is in none.
 */
export interface Recent<T> {
  older: T | undefined
  newer: T | undefined
}

export class RecencyList<T extends Recent<T>> {
  #oldest: T | undefined
  #newest: T | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  /** What was not used for longest. */
  get oldest(): T | undefined {
    return this.#oldest
  }

  /** Adds an item that is in no list, as the one used last. */
  add(item: T): void {
    item.older = this.#newest
    if (this.#newest === undefined) this.#oldest = item
    else this.#newest.newer = item
    this.#newest = item
    this.#size++
  }

  /** Takes an item out that is in this list. */
  remove(item: T): void {
    const { older, newer } = item
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    item.older = undefined
    item.newer = undefined
    this.#size--
  }

  /** Notes the use of an item that is in this list. */
  use(item: T): void {
    if (item === this.#newest) return
    this.remove(item)
    this.add(item)
  }

  /** From the one not used for longest on. The one given may be removed. */
  *items(): Generator<T> {
    let next = this.#oldest
    while (next !== undefined) {
      const item = next
      next = item.newer
      yield item
    }
  }
}
