/**
 * Blocks from other devices, as the main thread asks for them.
 *
 * The memory of all blocks on their way is a fixed number of slots of the shared memory: read-ahead of all files together is bounded by it, in
 * the order in which it was asked for. Some slots are kept for blocks that somebody waits for. A slot is used again
 * only when its fetch has ended in the network's thread and its reader has released it.
 */
import assert from 'node:assert/strict'
import type { SharedSlots } from '../../bytes/shared-slots.ts'
import type { BlockRef, BlockSource, Fetching, FetchOptions } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { BLOCK_BYTES_MAX } from '../../format/block.ts'
import type { Rpc } from '../rpc.ts'
import type { ExchangeCalls, Range } from './exchange-calls.ts'

export interface RemoteSourceOptions {
  /** Calls the network's thread. Fails with `unreachable` if there is none. */
  call: Rpc<ExchangeCalls, Record<never, never>>['call']
  /** What the network's thread writes blocks into. */
  memory: SharedSlots
  /** Blocks on their way at a time. */
  slots?: number
}

const SLOTS = 28
/** Of these, kept for urgent fetches. */
const URGENT_SLOTS = 8

interface Waiting {
  isUrgent: boolean
  go(slot: Buffer): void
}

export class RemoteSource implements BlockSource {
  /** Where blocks come in. */
  readonly memory: SharedSlots
  readonly #call: RemoteSourceOptions['call']
  readonly #free: Buffer[]
  readonly #waiting = new Set<Waiting>()
  #nextId = 1

  constructor({ call, memory, slots = SLOTS }: RemoteSourceOptions) {
    this.memory = memory
    this.#call = call
    // They stay its own: there must always be some.
    this.#free = Array.from({ length: slots }, () => memory.take(BLOCK_BYTES_MAX)).reverse()
    assert(
      this.#free.every(({ buffer }) => buffer === memory.memory),
      'slots that the thread knows',
    )
  }

  fetch(ref: BlockRef, { signal, first, root, onPart }: FetchOptions = {}): Fetching {
    const id = this.#nextId++
    const ended = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const waiting: Waiting = { isUrgent: first !== undefined, go: () => {} }
    let wanted: Range | undefined = first
    let isSent = false
    const abort = () => this.#tell('exchange.abort', { id })
    const run = async (): Promise<Buffer> => {
      if (ref.sealedBytes > BLOCK_BYTES_MAX) throw new DfsError('corrupt', 'no block is so long', { subject: ref.cid })
      const slot = await this.#takeSlot(waiting, signal)
      void Promise.allSettled([ended.promise, released.promise]).then(() => this.#giveSlot(slot))
      const block = slot.subarray(0, ref.sealedBytes)
      try {
        isSent = true
        const params = { id, cid: ref.cid, at: slot.byteOffset, blockBytes: ref.sealedBytes, first: wanted, root }
        const done = this.#call('exchange.fetch', params, { onPart: ({ from, to }) => onPart?.(block, from, to) })
        signal?.addEventListener('abort', abort, { once: true })
        if (signal?.aborted) abort()
        await done
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

  async #takeSlot(waiting: Waiting, signal: AbortSignal | undefined): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    waiting.go = resolve
    this.#waiting.add(waiting)
    this.#serve()
    const leave = () => {
      if (this.#waiting.delete(waiting)) reject(new DfsError('aborted', 'nobody waits for the block any more'))
    }
    signal?.addEventListener('abort', leave, { once: true })
    if (signal?.aborted) leave()
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  #makeUrgent(waiting: Waiting): void {
    waiting.isUrgent = true
    this.#serve()
  }

  #giveSlot(slot: Buffer): void {
    this.#free.push(slot)
    this.#serve()
  }

  #serve(): void {
    for (const waiting of this.#waiting) if (waiting.isUrgent) this.#give(waiting, 0)
    for (const waiting of this.#waiting) this.#give(waiting, URGENT_SLOTS)
  }

  #give(waiting: Waiting, keep: number): void {
    if (this.#free.length <= keep) return
    this.#waiting.delete(waiting)
    waiting.go(this.#free.pop()!)
  }
}
