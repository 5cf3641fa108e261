/**
 * A cache bounded by weight: what was not used for longest leaves first.
 *
 * The weight never exceeds `weightMax` when a call returns; an entry heavier than that is not kept at all.
 */
import { RecencyList, type Recent } from './recency-list.ts'

export interface LruOptions<K, V> {
  readonly weightMax: number
  /** Weight of an entry, asked once, when it is set. */
  readonly weigh: (value: V, key: K) => number
  /** Called for each entry that leaves, however it leaves (evicted, replaced, deleted, cleared), after it has left. */
  readonly onEvict?: (key: K, value: V) => void
}

interface Entry<K, V> extends Recent<Entry<K, V>> {
  readonly key: K
  readonly value: V
  readonly weight: number
}

export class Lru<K, V> {
  readonly #options: LruOptions<K, V>
  readonly #entries = new Map<K, Entry<K, V>>()
  readonly #recency = new RecencyList<Entry<K, V>>()
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
    this.#recency.use(entry)
    return entry.value
  }

  /** Keeps the value as the one used last, in place of an older one. */
  set(key: K, value: V): void {
    const { weigh, weightMax } = this.#options
    const old = this.#entries.get(key)
    const entry = { key, value, weight: weigh(value, key), older: undefined, newer: undefined }
    if (old !== undefined) this.#recency.remove(old)
    this.#entries.set(key, entry)
    this.#recency.add(entry)
    this.#weight += entry.weight - (old?.weight ?? 0)
    if (old !== undefined && old.value !== value) this.#options.onEvict?.(key, old.value)
    // One heavier than all the room goes by itself; the others need not make place for it.
    if (entry.weight > weightMax) this.delete(key)
    while (this.#weight > weightMax) this.delete(this.#recency.oldest!.key)
  }

  /** False if there was none. */
  delete(key: K): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    this.#entries.delete(key)
    this.#recency.remove(entry)
    this.#weight -= entry.weight
    this.#options.onEvict?.(key, entry.value)
    return true
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.delete(key)
  }

  /** From the entry that would leave first to the one used last; looking does not count as a use. */
  *entries(): Generator<[K, V]> {
    for (const { key, value } of this.#recency.items()) yield [key, value]
  }
}
