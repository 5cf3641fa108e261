/** The calls by which heads cross between the main thread, which keeps and makes them, and the network's thread. */
import type { HeadRefusal } from '../../format/heads-message.ts'
import type { Call } from '../rpc.ts'

/** What became of a head that was given to somebody. `have`: one of the same device that is as new or newer. */
export type WireHeadAnswer = 'kept' | { have: Uint8Array } | { refused: HeadRefusal }

/** Served by the network's thread. */
export interface HeadCalls {
  /** Fails as opening a stream does, and with `corrupt` if the other side speaks otherwise. */
  'heads.give': Call<{ peerId: string; record: Uint8Array }, WireHeadAnswer>
  /** The records that a member has of an owner, unchecked. Fails in the same ways. */
  'heads.ask': Call<{ peerId: string; owner: Uint8Array }, Uint8Array[]>
}

/** Served by the main thread. */
export interface HeadEvents {
  'event.headGiven': Call<{ peerId: string; record: Uint8Array }, WireHeadAnswer>
  'event.headsWanted': Call<{ peerId: string; owner: Uint8Array }, Uint8Array[]>
}
