/**
 * How libp2p is set up for one network: what runs, its limits, and what it says when nothing happens.
 *
 * The numbers are for networks of a few to some thousand devices, many of them behind one address. A connection that
 * carries nothing costs one ping each PING_MS from either side.
 */
import { createHash } from 'node:crypto'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type Identify, type IdentifyPush, identify, identifyPush } from '@libp2p/identify'
import type { ComponentLogger, ConnectionGater, Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import type { Datastore } from 'interface-datastore'
import type { Libp2pOptions } from 'libp2p'
import { dropSilent, refreshEvery } from './routing-table.ts'

export type DfsServices = { identify: Identify; identifyPush: IdentifyPush; ping: Ping; dht: KadDHT }
export type DfsLibp2p = Libp2p<DfsServices>

const KIB = 1024
const MIB = 1024 * KIB
const HOUR_MS = 3_600_000

/** What a stream's sender may have under way: 1 Gbit/s over 60 ms. */
const STREAM_WINDOW_BYTES = 8 * MIB
const ADDRESS_AGE_MS = 30 * 24 * HOUR_MS
/** How often the neighbourhood in the DHT is looked at anew, when nothing else brings news of it. */
const NEIGHBOURS_MS = HOUR_MS
/** How long a peer in the DHT may take to answer. */
const SILENT = { maxTimeout: 5_000 }

export interface Libp2pSetup {
  /** 32 bytes: the Ed25519 seed of the device. */
  identitySeed: Uint8Array
  networkId: string
  listen: readonly string[]
  mdns: boolean
  datastore: Datastore
  connectionGater: ConnectionGater
  /** Puts what libp2p's services handle behind the gate. */
  guarded: <C extends { registrar: { handle: (...args: never[]) => Promise<void> } }>(components: C) => C
  logger: ComponentLogger
}

export function dhtProtocol(networkId: string): string {
  return `/dfs/${networkId}/kad/1.0.0`
}

export async function libp2pOptions(setup: Libp2pSetup): Promise<Libp2pOptions<DfsServices>> {
  const { identitySeed, networkId, listen, datastore, connectionGater, guarded, logger } = setup
  return {
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', identitySeed),
    nodeInfo: { name: 'dfs', version: '1', userAgent: 'dfs/1' },
    logger,
    datastore,
    connectionGater,
    addresses: { listen: [...listen] },
    transports: [tcp({ inboundSocketInactivityTimeout: 5 * 60_000, outboundSocketInactivityTimeout: 5 * 60_000 })],
    connectionEncrypters: [tls(), noise()],
    streamMuxers: [streamMuxer()],
    connectionManager: {
      maxConnections: 300,
      inboundConnectionThreshold: 50,
      maxIncomingPendingConnections: 32,
      inboundUpgradeTimeout: 10_000,
      inboundStreamProtocolNegotiationTimeout: 5_000,
    },
    // Our own, which spares strangers.
    connectionMonitor: { enabled: false },
    peerStore: { maxAddressAge: ADDRESS_AGE_MS, maxPeerAge: ADDRESS_AGE_MS },
    peerDiscovery: setup.mdns ? [mdns({ serviceTag: mdnsTag(networkId), interval: 60_000 })] : [],
    services: {
      identify: (components) => identify()(guarded(components)),
      identifyPush: (components) => identifyPush()(guarded(components)),
      ping: (components) => ping()(guarded(components)),
      dht: (components) => {
        const dht = kadDHT(dhtOptions(networkId))(guarded(components))
        refreshEvery(dht, NEIGHBOURS_MS)
        dropSilent(dht)
        return dht
      },
    },
  }
}

export function streamMuxer(): ReturnType<typeof yamux> {
  return yamux({
    enableKeepAlive: false,
    maxInboundStreams: 256,
    maxOutboundStreams: 1_000,
    // A paused reader still gets what its window allowed.
    streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES, maxReadBufferLength: STREAM_WINDOW_BYTES + MIB },
  })
}

function dhtOptions(networkId: string): Parameters<typeof kadDHT>[0] {
  return {
    protocol: dhtProtocol(networkId),
    // Every device serves, and at any address: the default waits for a public one and drops the others.
    clientMode: false,
    peerInfoMapper: passthroughMapper,
    // Three peers asked at a time on each of three ways: kad-dht's ten on ten ask nearly everybody in a small network.
    alpha: 3,
    disjointPaths: 3,
    // Who is gone takes a ping or a question until it times out: by default six pings at a time, which kept newcomers
    // among many that were gone out of the table, and twice as long after each timeout, to a minute.
    routingTableUpdateQueueConcurrency: 16,
    pingNewContactTimeout: SILENT,
    pingOldContactTimeout: SILENT,
    networkDialTimeout: SILENT,
    querySelfInterval: NEIGHBOURS_MS,
    // What we announce is renewed by Providers; this expires what others have left here.
    reprovide: { validity: 48 * HOUR_MS, threshold: 0, interval: HOUR_MS },
  }
}

/** Says which network to those who know it, and nothing to others. */
function mdnsTag(networkId: string): string {
  const name = createHash('sha256').update(`dfs mdns 1\n${networkId}`).digest('hex').slice(0, 32)
  return `_${name}._udp.local`
}
