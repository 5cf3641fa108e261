/**
 * A cache bounded by weight: what was not used for longest leaves first.
 *
 * The weight never exceeds `weightMax` when a call returns; an entry heavier than that is not kept at all.
 */
export interface LruOptions<K, V> {
  readonly weightMax: number
  /** Weight of an entry, asked once, when it is set. */
  readonly weigh: (value: V, key: K) => number
  /** Called for each entry that leaves, however it leaves (evicted, replaced, deleted, cleared), after it has left. */
  readonly onEvict?: (key: K, value: V) => void
}

interface Entry<V> {
  readonly value: V
  readonly weight: number
}

export class Lru<K, V> {
  readonly #options: LruOptions<K, V>
  // A Map keeps the order of insertion; a used entry is inserted anew, so the first is the one to go.
  readonly #entries = new Map<K, Entry<V>>()
  #weight = 0

  constructor(options: LruOptions<K, V>) {
    this.#options = options
  }

  get weight(): number {
    return this.#weight
  }

  get size(): number {
    return this.#entries.size
  }

  /** Counts as a use. */
  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** Keeps the value as the one used last, in place of an older one. */
  set(key: K, value: V): void {
    const { weigh, weightMax } = this.#options
    const old = this.#entries.get(key)
    const entry = { value, weight: weigh(value, key) }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    this.#weight += entry.weight - (old?.weight ?? 0)
    if (old !== undefined && old.value !== value) this.#options.onEvict?.(key, old.value)
    // One heavier than all the room goes by itself; the others need not make place for it.
    if (entry.weight > weightMax) this.delete(key)
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= weightMax) return
      this.delete(oldest)
    }
  }

  /** False if there was none. */
  delete(key: K): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    this.#entries.delete(key)
    this.#weight -= entry.weight
    this.#options.onEvict?.(key, entry.value)
    return true
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.delete(key)
  }

  /** From the entry that would leave first to the one used last; looking does not count as a use. */
  *entries(): Generator<[K, V]> {
    for (const [key, { value }] of this.#entries) yield [key, value]
  }
}
