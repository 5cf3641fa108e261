/**
 * Mutual exclusion by key: work for some keys begins when all earlier work for any of them has ended. Work that has no key in
 * common runs side by side.
 */
export class Turns<K> {
  /** By key: when the last work that was given for it has ended, and all before. */
  readonly #ends = new Map<K, Promise<void>>()

  /**
   * Settles as the work does. Fails with the signal's reason where that comes before its turn; those who come later wait for
   * the earlier ones all the same. Not reentrant: work that waits for one of its own keys hangs.
   */
  async run<T>(keys: Iterable<K>, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    const distinct = new Set(keys)
    const worked = Promise.withResolvers<void>()
    // Taken for all keys in one step, so that two who have some in common never wait for each other.
    const turn = Promise.all([...distinct].map((key) => this.#ends.get(key)))
    const end: Promise<void> = Promise.all([turn, worked.promise]).then(() => this.#forget(distinct, end))
    for (const key of distinct) this.#ends.set(key, end)
    try {
      await (signal === undefined ? turn : orAborted(turn, signal))
      return await work()
    } finally {
      worked.resolve()
    }
  }

  /** Keys for which there is no later work. */
  #forget(keys: Iterable<K>, end: Promise<void>): void {
    for (const key of keys) if (this.#ends.get(key) === end) this.#ends.delete(key)
  }
}

async function orAborted(turn: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([turn, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
