/** What the main thread, where the holds are, and the network's thread say to each other about them. */
import type { Call } from '../rpc.ts'

/** A message of `/dfs/holds/1`, to or from a member. */
export interface MessageOfPeer {
  readonly peerId: string
  readonly message: Uint8Array
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
