/**
 * Random numbers from a seed, so that a failure can be had again: xoshiro128** seeded through splitmix32
 * (Blackman and Vigna, https://prng.di.unimi.it).
 */

export class Random {
  readonly seed: number
  #state: Uint32Array

  constructor(seed: number) {
    this.seed = seed >>> 0
    let mixed = this.seed
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mixed = (mixed + 0x9e3779b9) >>> 0
      let word = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
      return (word ^ (word >>> 15)) >>> 0
    })
  }

  /** An unsigned 32-bit number. */
  next(): number {
    const state = this.#state
    const [a, b, c, d] = state as unknown as [number, number, number, number]
    const times5 = Math.imul(b, 5)
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0
    const mixed = c ^ a
    const last = d ^ b
    state[1] = b ^ mixed
    state[0] = a ^ last
    state[2] = mixed ^ (b << 9)
    state[3] = (last << 11) | (last >>> 21)
    return result
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit)
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from')
    return list[this.below(list.length)] as T
  }

  /** One of the keys, each as likely as its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.below(entries.reduce((sum, [, weight]) => sum + weight, 0))
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    throw new Error('no weights')
  }

  /** Bytes that do not compress. */
  bytes(length: number): Buffer {
    const words = new Uint32Array(Math.ceil(length / 4))
    for (let i = 0; i < words.length; i++) words[i] = this.next()
    return Buffer.from(words.buffer, 0, length)
  }
}

/** The seed named by an environment variable, or a new one. */
export function seedFrom(variable: string): number {
  const given = process.env[variable]
  return given === undefined || given === '' ? Math.floor(Math.random() * 2 ** 32) : Number(given)
}
