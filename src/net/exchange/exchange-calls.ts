/**
 * What the main thread asks of the exchange in the network's thread. Blocks are written into shared memory that the
 * main thread owns: slots, each lent for the time of a fetch.
 */
import type { Cid } from '../../dfs.ts'
import { BLOCK_BYTES_MAX } from '../../format/block.ts'
import type { Call, Handlers } from '../rpc.ts'
import type { Exchange, FetchHandle } from './exchange.ts'

/** Memory for one block on its way, each of its own: a view that is sent to a thread counts there as all of its memory. */
export const SLOT_BYTES = BLOCK_BYTES_MAX

export interface Range {
  readonly from: number
  readonly to: number
}

export interface FetchParams {
  /** Names the fetch in the other calls. */
  readonly id: number
  readonly cid: Cid
  readonly slot: number
  readonly blockBytes: number
  readonly first: Range | undefined
  readonly root: Cid | undefined
}

export interface ExchangeCalls {
  /** Ends once the slot is written to no more; parts are what has come of an urgent block. */
  'exchange.fetch': Call<FetchParams, void, Range>
  'exchange.prefer': Call<{ readonly id: number } & Range, void>
  'exchange.abort': Call<{ readonly id: number }, void>
}

/** The handlers of the network's thread. */
export function exchangeHandlers(
  exchange: () => Exchange,
  slots: readonly SharedArrayBuffer[],
): Handlers<ExchangeCalls> {
  const running = new Map<number, { handle: FetchHandle; isUrgent: boolean }>()
  return {
    'exchange.fetch': async ({ id, cid, slot, blockBytes, first, root }, { part }) => {
      const into = Buffer.from(slots[slot]!, 0, blockBytes)
      const onPart = (from: number, to: number) => {
        if (fetch.isUrgent) part({ from, to })
      }
      const handle = exchange().fetch({ cid, into, first, root, onPart })
      const fetch = { handle, isUrgent: first !== undefined }
      running.set(id, fetch)
      try {
        await handle.done
      } finally {
        running.delete(id)
      }
    },
    'exchange.prefer': ({ id, from, to }) => {
      const fetch = running.get(id)
      if (fetch === undefined) return
      fetch.isUrgent = true
      fetch.handle.prefer(from, to)
    },
    'exchange.abort': ({ id }) => running.get(id)?.handle.abort(),
  }
}
