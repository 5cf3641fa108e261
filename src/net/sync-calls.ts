/** What the main thread, where the indexes of synced folders are, and the network's thread say to each other about them. */
import { SYNC_MESSAGE_BYTES_MAX } from '../format/sync-message.ts'
import type { MessageOfPeer, MessageProtocol } from './message-streams.ts'
import type { Call } from './rpc.ts'

/** A million entries are to pass quickly: what is sent waits for the receiver, and for no clock. */
export const SYNC_PROTOCOL: MessageProtocol = { protocol: '/dfs/sync/1', bytesMax: SYNC_MESSAGE_BYTES_MAX }

/** Served by the network's thread. */
export interface SyncCalls {
  /**
   * Resolves once the message, for an own device, is on its way. Fails with `unreachable`, `timeout`, `unsupported`,
   * `no-permission`.
   */
  'sync.send': Call<MessageOfPeer, void>
}

/** Served by the main thread. */
export interface SyncEvents {
  /** A message of an own device. Resolves when its next one may come. */
  'event.sync': Call<MessageOfPeer, void>
}
