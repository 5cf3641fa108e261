/**
 * What the main thread and the network's worker say to each other. Each part of the network adds the calls it serves.
 */
import type { Cid } from '../dfs.ts'
import type { ExchangeCalls } from './exchange/exchange-calls.ts'
import type { HeadCalls, HeadEvents } from './heads/head-calls.ts'
import type { HoldCalls, HoldEvents } from './holds/hold-calls.ts'
import type { WirePersonalKey } from './key-sync.ts'
import type { ListenOptions } from './listen.ts'
import type { NetworkKind } from './member.ts'
import type { PeerInfo } from './node.ts'
import type { PairingCalls } from './pairing/pairing-calls.ts'
import type { Call } from './rpc.ts'
import type { SyncCalls, SyncEvents } from './sync-calls.ts'

/** What a worker is started with. */
export interface NetworkStart {
  /** 32 bytes: the Ed25519 seed of the device. */
  identitySeed: Uint8Array
  networkId: string
  listen: ListenOptions
  datastoreDir: string
  /** Multiaddrs with peer ids. */
  bootstrap: string[]
  mdns: boolean
  /** As `NetworkIdentity`. */
  identity: { kind: NetworkKind; network: Uint8Array; owner: Uint8Array }
  /** Of the block store: its blocks are served. */
  blocksDir: string
  /** Whether strangers may fetch blocks as IPFS nodes do. */
  bitswap: boolean
  /** Without progress in this time a fetch fails. */
  fetchTimeoutMs: number
  /** What blocks that are fetched are written into. */
  memory: SharedArrayBuffer
  /** What the main thread counts (`concurrency/counters`): bulk gives way to those who read here. */
  counts: SharedArrayBuffer
  /** What is known of the members. */
  statements: Uint8Array[]
  /** Only to join another network: nothing is served and nothing exchanged. */
  joining?: boolean
}

/** Where the node is. */
export interface NodeState {
  peerId: string
  port: number
  /** Multiaddrs with the peer id. */
  addresses: string[]
}

/** Served by the worker. */
export interface NodeCalls {
  /** Resolves once the node listens. Fails as `createNode` does. */
  'node.start': Call<void, NodeState>
  'node.state': Call<void, NodeState>
  'node.peers': Call<void, PeerInfo[]>
  'node.stop': Call<void, void>
  /** Announces from now on, across restarts, that this device holds these blocks. */
  'providers.provide': Call<Cid[], void>
  'providers.withdraw': Call<Cid[], void>
}

export interface MembersCalls {
  /** Takes in statements that the main thread made or has from elsewhere. */
  'members.merge': Call<Uint8Array[], void>
  /** Where members were seen, as multiaddrs with peer ids; they are tried soon. */
  'members.remember': Call<string[], void>
  /** As `MemberSync.introduce`, at the first of these addresses that does; fails as the last. */
  'members.introduce': Call<string[], void>
  /** Asks own devices for a personal key newer than that of this epoch. */
  'keys.ask': Call<number, WirePersonalKey | undefined>
}

/** Served by the worker. */
export interface NetworkCalls
  extends NodeCalls,
    MembersCalls,
    PairingCalls,
    ExchangeCalls,
    HeadCalls,
    HoldCalls,
    SyncCalls {}

/** Served by the main thread. */
export interface NetworkEvents extends HeadEvents, HoldEvents, SyncEvents {
  /** A member came (its first connection) or went (its last). */
  'event.member': Call<{ peerId: string; isUp: boolean }, void>
  'event.addresses': Call<string[], void>
  /** Statements that other members told. */
  'event.statements': Call<Uint8Array[], void>
  /** A device of the same owner asks for the newest personal key. */
  'event.keyWanted': Call<string, WirePersonalKey>
}
