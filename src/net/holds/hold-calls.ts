/** What the main thread, where the holds are, and the network's thread say to each other about them. */
import { HOLDS_MESSAGE_BYTES_MAX } from '../../format/hold-message.ts'
import type { MessageOfPeer, MessageProtocol } from '../message-streams.ts'
import type { Call } from '../rpc.ts'

export const HOLDS_PROTOCOL: MessageProtocol = {
  protocol: '/dfs/holds/1',
  bytesMax: HOLDS_MESSAGE_BYTES_MAX,
  rate: { perSecond: 20, burst: 100 },
}

/** Served by the network's thread. */
export interface HoldCalls {
  /** Resolves once the message is on its way. Fails with `unreachable`, `timeout`, `unsupported`, `no-permission`. */
  'holds.send': Call<MessageOfPeer, void>
}

/** Served by the main thread. */
export interface HoldEvents {
  /** Resolves when the next message of this peer may come; fails if the message was none. */
  'event.holds': Call<MessageOfPeer, void>
}
