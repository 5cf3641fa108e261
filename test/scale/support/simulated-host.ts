/**
 * What stands around a DHT in a libp2p node, for thousands of them in one process: connections, streams, the peer store.
 *
 * The DHT itself and its options are those of real nodes; its messages are encoded and cross a stream each. Left out is
 * what only costs: handshakes, multiplexing, identify's and ping's own messages, signatures, the encoding of peers that
 * are stored. As in libp2p, whoever is connected knows the other's address and protocols, and a ping connects. Unlike
 * there, connections have no limit and stay. Who is gone is silent: a dial to it fails after DIAL_MS, or with its signal.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Peer, PeerId, PeerInfo, PrivateKey, Stream, Topology } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { AbstractStream, type SendResult } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { libp2pLogger } from '../../../src/net/libp2p-logger.ts'

/** libp2p's dial timeout. */
const DIAL_MS = 10_000
const logger = libp2pLogger()
const quiet = logger.forComponent('simulation')
/** Everybody who is there, by id. */
const hosts = new Map<string, SimulatedHost>()
let created = 0

type Handler = (stream: Stream, connection: { remotePeer: PeerId }) => Promise<void>
type NewDht = (components: never) => KadDHT
interface WithTagger {
  readonly routingTable: { readonly closestPeerTagger: { refreshInterval: number } }
}
interface Waiting {
  signal?: AbortSignal
}

export function isThere(peerId: string): boolean {
  return hosts.has(keyOf(peerIdFromString(peerId)))
}

export class SimulatedHost {
  readonly peerId: PeerId
  readonly address: Multiaddr
  readonly dht: KadDHT
  readonly #privateKey: PrivateKey
  readonly #peers = new PeerMemory()
  readonly #connected = new Set<string>()
  readonly #handlers = new Map<string, Handler>()
  readonly #topologies = new Map<string, Topology>()

  static async create(seed: Uint8Array, newDht: NewDht): Promise<SimulatedHost> {
    return new SimulatedHost(await generateKeyPairFromSeed('Ed25519', seed), newDht)
  }

  private constructor(privateKey: PrivateKey, newDht: NewDht) {
    this.#privateKey = privateKey
    this.peerId = peerIdFromPrivateKey(privateKey)
    const number = created++
    this.address = multiaddr(`/ip4/10.${number >> 16}.${(number >> 8) & 255}.${number & 255}/tcp/8080`)
    this.dht = newDht(this.#components() as never)
    // As libp2p does with whom its services discover.
    ;(this.dht as unknown as EventTarget).addEventListener('peer', (event) => {
      const peer = (event as CustomEvent<PeerInfo>).detail
      if (!peer.id.equals(this.peerId)) this.#peers.merge(peer.id, peer)
    })
    // Every 5 s it tags the nearest peers, so that their connections are spared: half of what a thousand nodes would do.
    ;(this.dht as unknown as WithTagger).routingTable.closestPeerTagger.refreshInterval = 2 ** 31 - 1
  }

  async start(): Promise<void> {
    hosts.set(keyOf(this.peerId), this)
    await (this.dht as unknown as { start(): Promise<void> }).start()
  }

  /** Leaves without a word. */
  async stop(): Promise<void> {
    hosts.delete(keyOf(this.peerId))
    for (const key of this.#connected) hosts.get(key)!.#connected.delete(keyOf(this.peerId))
    this.#connected.clear()
    await (this.dht as unknown as { stop(): Promise<void> }).stop()
  }

  /** Connects to whom it knows only by address, as a user would do with a ticket. */
  async dial(other: SimulatedHost): Promise<void> {
    this.#peers.merge(other.peerId, { multiaddrs: [other.address] })
    await this.#connect(other.peerId, {})
  }

  #components(): Record<string, unknown> {
    return {
      peerId: this.peerId,
      privateKey: this.#privateKey,
      logger,
      events: new EventTarget(),
      datastore: new MemoryDatastore(),
      peerStore: this.#peers,
      addressManager: { getAddresses: () => [this.address] },
      ping: { ping: (peer: PeerId, options?: Waiting) => this.#connect(peer, options) },
      connectionManager: {
        isDialable: async (addresses: Multiaddr[]) => addresses.length > 0,
        openStream: (peer: PeerId, protocol: string, options?: Waiting) => this.#openStream(peer, protocol, options),
      },
      registrar: {
        handle: async (protocol: string, handler: Handler) => void this.#handlers.set(protocol, handler),
        unhandle: async (protocol: string) => void this.#handlers.delete(protocol),
        register: async (protocol: string, topology: Topology) => {
          this.#topologies.set(protocol, topology)
          return protocol
        },
        unregister: (protocol: string) => void this.#topologies.delete(protocol),
      },
    }
  }

  async #connect(peer: PeerId, options: Waiting = {}): Promise<SimulatedHost> {
    await nextTurn()
    options.signal?.throwIfAborted()
    const key = keyOf(peer)
    const other = hosts.get(key)
    if (other !== undefined && this.#connected.has(key)) return other
    // libp2p would search the DHT for it.
    if (!this.#peers.hasAddress(peer)) throw new Error('no address is known')
    if (other === undefined) return await noAnswer(options)
    this.#connected.add(key)
    other.#connected.add(keyOf(this.peerId))
    this.#identified(other)
    other.#identified(this)
    return other
  }

  #identified(other: SimulatedHost): void {
    const protocols = [...other.#handlers.keys()]
    this.#peers.merge(other.peerId, { multiaddrs: [other.address], protocols })
    for (const protocol of protocols) this.#topologies.get(protocol)?.onConnect?.(other.peerId, undefined as never)
  }

  async #openStream(peer: PeerId, protocol: string, options?: Waiting): Promise<Stream> {
    const other = await this.#connect(peer, options)
    const handler = other.#handlers.get(protocol)
    if (handler === undefined) throw new Error(`${protocol} is not served`)
    const [outbound, inbound] = streamPair(protocol)
    handler(inbound, { remotePeer: this.peerId }).catch((error) => inbound.abort(error))
    return outbound
  }
}

type PeerNews = Partial<PeerInfo> & { protocols?: string[]; tags?: Record<string, { value?: number } | undefined> }

/** A peer store without encoding, locks, or events (which the DHT does not listen to). */
class PeerMemory {
  readonly #peers = new Map<string, Peer>()

  async all(): Promise<Peer[]> {
    return [...this.#peers.values()]
  }

  async get(id: PeerId): Promise<Peer> {
    const peer = this.#peers.get(keyOf(id))
    if (peer === undefined) throw Object.assign(new Error('not known'), { name: 'NotFoundError' })
    return peer
  }

  async getInfo(id: PeerId): Promise<PeerInfo> {
    const peer = await this.get(id)
    return { id: peer.id, multiaddrs: peer.addresses.map((address) => address.multiaddr) }
  }

  hasAddress(id: PeerId): boolean {
    return (this.#peers.get(keyOf(id))?.addresses.length ?? 0) > 0
  }

  merge(id: PeerId, { multiaddrs = [], protocols, tags = {} }: PeerNews): Peer {
    const key = keyOf(id)
    const peer: Peer = this.#peers.get(key) ?? {
      id,
      addresses: [],
      protocols: [],
      metadata: new Map(),
      tags: new Map(),
    }
    for (const one of multiaddrs) {
      if (peer.addresses.some((known) => known.multiaddr.equals(one))) continue
      peer.addresses.push({ multiaddr: one, isCertified: false })
    }
    if (protocols !== undefined) peer.protocols = protocols
    for (const [name, tag] of Object.entries(tags)) {
      if (tag === undefined) peer.tags.delete(name)
      else peer.tags.set(name, { value: tag.value ?? 0 })
    }
    this.#peers.set(key, peer)
    return peer
  }
}

class SimulatedStream extends AbstractStream {
  other: SimulatedStream | undefined

  sendData(data: Parameters<AbstractStream['onData']>[0] & { byteLength: number }): SendResult {
    const bytes = data.subarray()
    setImmediate(() => this.other?.onData(bytes))
    return { sentBytes: bytes.byteLength, canSendMore: true }
  }

  sendReset(): void {
    setImmediate(() => this.other?.onRemoteReset())
  }

  async sendCloseWrite(): Promise<void> {
    setImmediate(() => this.other?.onRemoteCloseWrite())
  }

  async sendCloseRead(): Promise<void> {}

  sendPause(): void {}

  sendResume(): void {}
}

function streamPair(protocol: string): [Stream, Stream] {
  const outbound = new SimulatedStream({ id: '0', protocol, direction: 'outbound', log: quiet as never })
  const inbound = new SimulatedStream({ id: '0', protocol, direction: 'inbound', log: quiet as never })
  outbound.other = inbound
  inbound.other = outbound
  return [outbound, inbound]
}

function noAnswer({ signal }: Waiting): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', fail)
      reject(signal?.reason ?? new Error('no answer'))
    }
    const timer = setTimeout(fail, DIAL_MS)
    signal?.addEventListener('abort', fail)
  })
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function keyOf(id: PeerId): string {
  return Buffer.from(id.toMultihash().bytes).toString('latin1')
}
