/** The calls by which the main thread pairs devices: keys cross to the worker only when a person has confirmed. */
import type { Call } from '../rpc.ts'

/** A device that waits to be let in; see `JoinRequest`. */
export interface WireJoinRequest {
  deviceId: string
  name: string
  code: string
  asks:
    | { kind: 'own'; device: { device: Uint8Array; acceptance: Uint8Array; name: string } }
    | { kind: 'friend'; owner: Uint8Array; statement: Uint8Array }
}

export interface WireGrant {
  key?: { personalKey: Uint8Array; epoch: number } | undefined
  statements: Uint8Array[]
}

export interface WireJoined extends WireGrant {
  identity: { kind: 'private' | 'public'; network: Uint8Array; owner: Uint8Array }
}

export interface PairingCalls {
  /** Waits for the one attempt that a ticket is good for. Fails with `timeout` after `deadlineMs`, and as that attempt does. */
  'pair.await': Call<{ secret: Uint8Array; forFriend: boolean; name: string; deadlineMs: number }, WireJoinRequest>
  /** Lets the device that waits in; resolves once it has said that it keeps what it got. */
  'pair.grant': Call<WireGrant, void>
  'pair.refuse': Call<void, void>
  /** Asks the ticket's device to be let in. Tells the code before it waits for the person there. */
  'pair.join': Call<
    { ticket: Uint8Array; name: string; statement?: Uint8Array | undefined },
    WireJoined,
    { code: string; inviter: string }
  >
  /** Tells the inviting device that what it granted is kept. */
  'pair.confirm': Call<void, void>
}

/** Clones arrive as Uint8Arrays; this is the same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
