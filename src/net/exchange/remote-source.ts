/**
 * Blocks from other devices, as the main thread asks for them.
 *
 * The shared memory that all blocks on their way take is bounded: so is read-ahead of all files together, in the order in
 * which it was asked for. Some is kept for blocks that somebody waits for. Memory is used again only when its fetch has
 * ended in the network's thread and its reader has released it.
 */
import type { SharedSlots } from '../../bytes/shared-slots.ts'
import { COUNT, count } from '../../concurrency/counters.ts'
import type { BlockName, BlockSource, Fetching, FetchOptions } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { BLOCK_BYTES_MAX } from '../../format/block.ts'
import type { Rpc } from '../rpc.ts'
import type { ExchangeCalls, Range } from './exchange-calls.ts'

export interface RemoteSourceOptions {
  /** Calls the network's thread. Fails with `unreachable` if there is none. */
  call: Rpc<ExchangeCalls, Record<never, never>>['call']
  /** What the network's thread writes blocks into. */
  memory: SharedSlots
  /** Memory for blocks on their way; default 32 MiB. */
  bytesMax?: number
}

const MIB = 1024 * 1024
const BYTES_MAX = 32 * MIB
/** Of these, a quarter is kept for urgent fetches. */
const URGENT_SHARE = 0.25
/** What a short block takes, at least: there are no shorter slots. */
const WEIGHT_MIN = MIB / 4

interface Waiting {
  readonly weight: number
  isUrgent: boolean
  go(): void
}

export class RemoteSource implements BlockSource {
  /** Where blocks come in. */
  readonly memory: SharedSlots
  readonly #call: RemoteSourceOptions['call']
  readonly #bytesMax: number
  #usedBytes = 0
  readonly #waiting = new Set<Waiting>()
  #nextId = 1

  constructor({ call, memory, bytesMax = BYTES_MAX }: RemoteSourceOptions) {
    this.memory = memory
    this.#call = call
    this.#bytesMax = bytesMax
  }

  fetch(ref: BlockName, { signal, first, root, onPart }: FetchOptions = {}): Fetching {
    const id = this.#nextId++
    const ended = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const weight = Math.max(ref.sealedBytes, WEIGHT_MIN)
    const waiting: Waiting = { weight, isUrgent: first !== undefined, go: () => {} }
    let wanted: Range | undefined = first
    let isSent = false
    const abort = () => this.#tell('exchange.abort', { id })
    const run = async (): Promise<Buffer> => {
      if (ref.sealedBytes > BLOCK_BYTES_MAX) throw new DfsError('corrupt', 'no block is so long', { subject: ref.cid })
      await this.#takeTurn(waiting, signal)
      const block = this.memory.take(ref.sealedBytes)
      void Promise.allSettled([ended.promise, released.promise]).then(() => this.#give(block, weight))
      try {
        isSent = true
        const params = { id, cid: ref.cid, into: this.memory.placeOf(block), first: wanted, root }
        const done = this.#call('exchange.fetch', params, { onPart: ({ from, to }) => onPart?.(block, from, to) })
        signal?.addEventListener('abort', abort, { once: true })
        if (signal?.aborted) abort()
        await done
        count(COUNT.fetchedBlocks, 1)
        count(COUNT.fetchedBytes, ref.sealedBytes)
        return block
      } finally {
        signal?.removeEventListener('abort', abort)
        ended.resolve()
      }
    }
    const block = run()
    block.catch(() => {})
    return {
      block,
      prefer: (from, to) => {
        wanted = { from, to }
        if (isSent) this.#tell('exchange.prefer', { id, from, to })
        else this.#makeUrgent(waiting)
      },
      release: () => released.resolve(),
    }
  }

  /** If the thread is gone the fetch itself says so. */
  #tell<M extends 'exchange.abort' | 'exchange.prefer'>(method: M, params: ExchangeCalls[M]['params']): void {
    this.#call(method, params).catch(() => {})
  }

  async #takeTurn(waiting: Waiting, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    waiting.go = resolve
    this.#waiting.add(waiting)
    this.#serve()
    const leave = () => {
      if (this.#waiting.delete(waiting)) reject(new DfsError('aborted', 'nobody waits for the block any more'))
    }
    signal?.addEventListener('abort', leave, { once: true })
    if (signal?.aborted) leave()
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  #makeUrgent(waiting: Waiting): void {
    waiting.isUrgent = true
    this.#serve()
  }

  #give(block: Buffer, weight: number): void {
    this.memory.give(block)
    this.#usedBytes -= weight
    this.#serve()
  }

  #serve(): void {
    for (const waiting of this.#waiting) if (waiting.isUrgent && !this.#letGo(waiting, this.#bytesMax)) return
    // None overtakes another: a long one would wait for ever.
    for (const waiting of this.#waiting) if (!this.#letGo(waiting, this.#bytesMax * (1 - URGENT_SHARE))) return
  }

  /** False if there is no room for it now. */
  #letGo(waiting: Waiting, bytesMax: number): boolean {
    if (this.#usedBytes > 0 && this.#usedBytes + waiting.weight > bytesMax) return false
    this.#waiting.delete(waiting)
    this.#usedBytes += waiting.weight
    waiting.go()
    return true
  }
}
