/** Some of a stream of items, each as likely as any other (Vitter, "Random sampling with a reservoir", algorithm R). */
import { randomBytes } from 'node:crypto'

export class RandomFew<T> {
  readonly #max: number
  readonly #items: T[] = []
  #seen = 0

  constructor(max: number) {
    this.#max = max
  }

  add(item: T): void {
    this.#seen++
    const at = this.#items.length < this.#max ? this.#items.length : randomBelow(this.#seen)
    if (at < this.#max) this.#items[at] = item
  }

  get items(): readonly T[] {
    return this.#items
  }
}

/** Nobody is to foresee what is drawn. */
function randomBelow(limit: number): number {
  return randomBytes(6).readUIntBE(0, 6) % limit
}
