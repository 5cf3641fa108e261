/**
 * Writes to the index that are not in the database yet: gathered, written in small batches, read through meanwhile.
 * They are of a cache: some may be lost, none delays anybody.
 */
export interface Operation {
  readonly type: 'put' | 'del'
  readonly key: Buffer
  readonly value: Buffer
}

interface Pending {
  readonly key: Buffer
  /** Undefined: deleted. */
  readonly value: Buffer | undefined
}

const DELAY_MS = 50
/** Handing an operation to level costs the main thread some 8 µs: a batch is a slice of 2 ms. */
const BATCH_OPERATIONS = 256
/** Beyond, what is noted is not kept: the disk is too slow for it. */
const PENDING_MAX = 65_536

export class PendingWrites {
  readonly #write: (operations: Operation[]) => Promise<void>
  readonly #onError: (error: unknown) => void
  readonly #pending = new Map<string, Pending>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  constructor(write: (operations: Operation[]) => Promise<void>, onError: (error: unknown) => void) {
    this.#write = write
    this.#onError = onError
  }

  get(key: Buffer): Pending | undefined {
    return this.#pending.get(key.toString('latin1'))
  }

  set(key: Buffer, value: Buffer | undefined): void {
    if (this.#pending.size >= PENDING_MAX) return
    this.#pending.set(key.toString('latin1'), { key, value })
    this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS).unref()
  }

  clear(): void {
    this.#pending.clear()
  }

  /** Resolves once nothing is pending; failures went to `onError`. */
  flush(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      while (this.#pending.size > 0) await this.#writeBatch()
    } catch (error) {
      this.#onError(error)
    } finally {
      this.#timer = undefined
    }
  }

  async #writeBatch(): Promise<void> {
    const batch: [string, Pending][] = []
    for (const entry of this.#pending) if (batch.push(entry) === BATCH_OPERATIONS) break
    await this.#write(batch.map(([, pending]) => toOperation(pending)))
    for (const [text, pending] of batch) {
      // Set anew meanwhile: it is still to be written.
      if (this.#pending.get(text) === pending) this.#pending.delete(text)
    }
  }
}

const NO_VALUE = Buffer.alloc(0)

function toOperation({ key, value }: Pending): Operation {
  return value === undefined ? { type: 'del', key, value: NO_VALUE } : { type: 'put', key, value }
}
