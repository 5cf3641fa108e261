/**
 * What the main thread asks of the exchange in the network's thread. Blocks are written into shared memory that the
 * main thread owns, and lends for the time of a fetch.
 */
import type { SharedPlace } from '../../bytes/shared-slots.ts'
import { counted } from '../../concurrency/counters.ts'
import type { Cid } from '../../dfs.ts'
import type { Call, Handlers } from '../rpc.ts'
import type { Exchange, FetchHandle } from './exchange.ts'

export interface Range {
  readonly from: number
  readonly to: number
}

export interface FetchParams {
  /** Names the fetch in the other calls. */
  readonly id: number
  readonly cid: Cid
  /** Where the block goes. */
  readonly into: SharedPlace
  readonly first: Range | undefined
  readonly root: Cid | undefined
}

export interface ExchangeCalls {
  /** Ends once the memory is written to no more; parts are what has come of an urgent block. */
  'exchange.fetch': Call<FetchParams, void, Range>
  'exchange.prefer': Call<{ readonly id: number } & Range, void>
  'exchange.abort': Call<{ readonly id: number }, void>
  /** How many bytes of blocks were sent to others so far. */
  'exchange.servedBytes': Call<void, number>
}

/** The handlers of the network's thread. */
export function exchangeHandlers(exchange: () => Exchange, memory: SharedArrayBuffer): Handlers<ExchangeCalls> {
  const running = new Map<number, { handle: FetchHandle; isUrgent: boolean }>()
  return {
    'exchange.fetch': async ({ id, cid, into: place, first, root }, { part }) => {
      const into = Buffer.from(place.memory ?? memory, place.offset, place.bytes)
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
    'exchange.servedBytes': () => counted('servedBytes'),
  }
}
