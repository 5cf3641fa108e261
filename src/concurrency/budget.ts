/**
 * A budget of bytes (of memory, mostly): who wants more than is left waits.
 *
 * First come, first served: a small taker never overtakes a large one, which would starve. A taker larger than the
 * whole budget passes once nothing else is taken, so that it is slow instead of stuck; `used` exceeds `bytesMax` then.
 */
import assert from 'node:assert/strict'
import { DfsError } from '../errors.ts'

interface Waiter {
  readonly bytes: number
  readonly pass: () => void
}

export class Budget {
  readonly bytesMax: number
  #used = 0
  readonly #waiting = new Set<Waiter>()

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Bytes taken and not given back. */
  get used(): number {
    return this.#used
  }

  /** Resolves once the bytes are taken. Rejects with `aborted` when `signal` aborts first; nothing is taken then. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    assert(bytes >= 0, 'bytes to take are not negative')
    if (signal?.aborted) throw aborted(signal)
    if (this.#waiting.size === 0 && this.#fits(bytes)) {
      this.#used += bytes
      return
    }
    await this.#wait(bytes, signal)
  }

  /** Gives bytes back, to whoever waits first. */
  give(bytes: number): void {
    assert(bytes >= 0 && bytes <= this.#used, 'only what was taken can be given back')
    this.#used -= bytes
    this.#serve()
  }

  #wait(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter)
        reject(aborted(signal))
        // Those behind may have waited for this one only.
        this.#serve()
      }
      const pass = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const waiter = { bytes, pass }
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  #serve(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.bytes)) return
      this.#waiting.delete(waiter)
      this.#used += waiter.bytes
      waiter.pass()
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.bytesMax
  }
}

function aborted(signal: AbortSignal | undefined): DfsError {
  return new DfsError('aborted', 'gave up waiting for memory', { op: 'take', cause: signal?.reason })
}
