/**
 * The exchange on a libp2p node: `/dfs/blocks/1` served and asked, seeks passed on, bulk over direct sockets where
 * two devices reach each other.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { Budget } from '../../concurrency/budget.ts'
import type { BlockReader } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { deviceIdOf } from '../../format/device-id.ts'
import { MESSAGE_BYTES_MAX, type Message, SEEK_CONTEXT } from '../../format/message.ts'
import { type SigningKey, verifySignature } from '../../seal/signing.ts'
import { type FrameChannel, streamChannel } from '../framing.ts'
import type { DfsNode } from '../node.ts'
import type { AskingEvents } from './asking-channel.ts'
import { realClock } from './clock.ts'
import { DirectCarrier } from './direct-carrier.ts'
import { Exchange } from './exchange.ts'
import { Forwarder } from './forward.ts'
import { GivingWay } from './giving-way.ts'
import { log } from './log.ts'
import { PeerLink } from './peer-link.ts'
import { Reputation } from './reputation.ts'
import { serve } from './server.ts'

export const BLOCKS_PROTOCOL = '/dfs/blocks/1'

export interface NodeExchangeOptions {
  readonly node: DfsNode
  readonly blocks: BlockReader
  readonly networkId: string
  readonly isMember: (peerId: string) => boolean
  readonly deviceKey: SigningKey
  /** Without progress in this time a fetch fails. */
  readonly timeoutMs: number
  /** How many bytes programs here have read so far: bulk gives way to them. */
  readonly bytesReadHere: () => number
  /** Where direct sockets are listened for; none: bulk goes over libp2p's streams. */
  readonly directHosts?: readonly string[]
}

type LinkEvents = Pick<AskingEvents, 'onEnded'>

/** Memory for blocks on their way to all peers together. */
const SERVING_BYTES = 48 * 1024 * 1024
const ITEM_RATE = { perSecond: 20_000, burst: 5_000 }
const BYTE_RATE = { perSecond: 4e9, burst: 4e9 }
/** Channels that one peer may have open to us: a stream, a direct socket, and as many that are just ending. */
const CHANNELS_MAX = 4

export class NodeExchange {
  readonly exchange: Exchange
  readonly #options: NodeExchangeOptions
  readonly #forwarder: Forwarder
  readonly #reputation = new Reputation(realClock)
  readonly #budget = new Budget(SERVING_BYTES)
  readonly #givingWay: GivingWay
  readonly #rooms: Buffer[] = []
  readonly #links = new Map<string, Promise<PeerLink>>()
  readonly #open = new Map<string, PeerLink>()
  readonly #serving = new Map<string, Set<FrameChannel>>()
  #direct: DirectCarrier | undefined
  #endListening = () => {}

  static async start(options: NodeExchangeOptions): Promise<NodeExchange> {
    const started = new NodeExchange(options)
    await started.#start()
    return started
  }

  private constructor(options: NodeExchangeOptions) {
    this.#options = options
    this.#givingWay = new GivingWay(realClock, options.bytesReadHere)
    const { node, blocks, isMember, deviceKey, timeoutMs } = options
    this.#forwarder = new Forwarder(
      {
        networkId: Buffer.from(options.networkId),
        self: { publicKey: deviceKey.publicKey, sign: (bytes) => deviceKey.sign(SEEK_CONTEXT, bytes) },
        addresses: () => node.addresses(),
        connected: () => node.connectedMembers(),
        memberOf: (key) => {
          const peerId = deviceIdOf(key)
          return isMember(peerId) ? peerId : undefined
        },
        verify: (key, bytes, signature) => verifySignature(key, SEEK_CONTEXT, bytes, signature),
        send: (peerId, message) => this.#open.get(peerId)?.send(message),
        sendTo: (peerId, addresses, message) => this.#sendTo(peerId, addresses, message),
      },
      { blocks, clock: realClock },
    )
    this.exchange = new Exchange({
      clock: realClock,
      timeoutMs,
      reputation: this.#reputation,
      peers: {
        connected: () => node.connectedMembers(),
        link: (peerId, events) => this.#link(peerId, events),
        findProviders: (cid, signal) => this.#findProviders(cid, signal),
        suspect: (peerId, hasSpoken) => node.suspect(peerId, hasSpoken),
        expectsMore: () => node.expectsMembers,
        seek: (digest) => this.#seek(digest),
      },
    })
  }

  async stop(): Promise<void> {
    this.#endListening()
    await this.#options.node.unhandle(BLOCKS_PROTOCOL)
    this.exchange.close()
    const error = new DfsError('aborted', 'the network is shutting down')
    for (const channels of this.#serving.values()) for (const channel of channels) channel.abort(error)
    await this.#direct?.close()
  }

  async #start(): Promise<void> {
    const { node, directHosts = [] } = this.#options
    this.#direct = await DirectCarrier.listen({
      hosts: directHosts,
      onChannel: (channel, peerId) => void this.#serve(channel, peerId),
    })
    await node.handle(BLOCKS_PROTOCOL, async (stream, peerId) => {
      await this.#serve(streamChannel(stream, { bytesMax: MESSAGE_BYTES_MAX }), peerId)
    })
    this.#endListening = node.onMember((peerId, isUp) => {
      if (isUp) this.exchange.peerUp(peerId)
      else this.#peerDown(peerId)
    })
    for (const peerId of node.connectedMembers()) this.exchange.peerUp(peerId)
  }

  #seek(digest: Buffer): void {
    this.#options.node.hurry()
    this.#forwarder.seek(digest).catch((error) => log('seek: %s', error))
  }

  #peerDown(peerId: string): void {
    this.exchange.peerDown(peerId)
    const error = new DfsError('unreachable', 'the peer is gone', { subject: peerId })
    for (const channel of this.#serving.get(peerId) ?? []) channel.abort(error)
  }

  async #serve(channel: FrameChannel, peerId: string): Promise<void> {
    const { blocks, isMember } = this.#options
    const channels = this.#serving.get(peerId) ?? new Set()
    this.#serving.set(peerId, channels)
    if (channels.size >= CHANNELS_MAX || !isMember(peerId)) {
      channel.abort(new DfsError('busy', 'too many channels at a time', { subject: peerId }))
      return
    }
    channels.add(channel)
    const why = await serve(channel, {
      blocks,
      rooms: this.#rooms,
      budget: this.#budget,
      clock: realClock,
      itemRate: ITEM_RATE,
      byteRate: BYTE_RATE,
      giveWay: (bytes, isBulk) => this.#givingWay.turn(bytes, isBulk),
      isAllowed: () => isMember(peerId),
      onMessage: (message, answer) => this.#takeMessage(peerId, message, answer),
    })
    log('served %s: %s', peerId, why?.message ?? 'done')
    channels.delete(channel)
    if (channels.size === 0) this.#serving.delete(peerId)
  }

  #takeMessage(peerId: string, message: Message, answer: (message: Message) => void): void {
    if (message.type === 'seek') void this.#forwarder.take(peerId, message).catch((error) => log('seek: %s', error))
    if (message.type === 'have') for (const digest of message.digests) this.exchange.noteHolder(peerId, digest)
    if (message.type !== 'direct-request' || this.#direct === undefined) return
    const { port, fingerprint } = this.#direct
    if (port !== 0) this.#direct.announce(peerId, message.fingerprint)
    answer({ type: 'direct-answer', port, fingerprint })
  }

  async *#findProviders(cid: Parameters<DfsNode['providers']['findProviders']>[0], signal: AbortSignal) {
    const { node } = this.#options
    for await (const { peerId, addresses } of node.providers.findProviders(cid, { signal })) {
      await this.#learn(peerId, addresses)
      yield peerId
    }
  }

  async #sendTo(peerId: string, addresses: readonly string[], message: Message): Promise<void> {
    if (!this.#open.has(peerId)) await this.#learn(peerId, addresses)
    const link = await this.#link(peerId)
    link.send(message)
  }

  /** Keeps where a peer says it is, for the next call. */
  async #learn(peerId: string, addresses: readonly string[]): Promise<void> {
    const multiaddrs = addresses.flatMap((address) => {
      try {
        return [multiaddr(address)]
      } catch {
        return []
      }
    })
    await this.#options.node.libp2p.peerStore.merge(peerIdFromString(peerId), { multiaddrs })
  }

  /** One link to a peer, whoever asks; `events` of the exchange reach it. */
  async #link(peerId: string, events?: LinkEvents): Promise<PeerLink> {
    let linking = this.#links.get(peerId)
    if (linking === undefined) {
      linking = this.#newLink(peerId)
      this.#links.set(peerId, linking)
      linking.catch(() => this.#links.delete(peerId))
    }
    const link = await linking
    if (events !== undefined) link.onEnded(events.onEnded)
    return link
  }

  async #newLink(peerId: string): Promise<PeerLink> {
    const stream = await this.#options.node.open(peerId, BLOCKS_PROTOCOL)
    const channel = streamChannel(stream, { bytesMax: MESSAGE_BYTES_MAX })
    const link = new PeerLink(peerId, channel, {
      clock: realClock,
      onMessage: (message) => {
        if (message.type === 'direct-answer') void this.#goDirect(link, message)
      },
      onEnded: () => {
        this.#links.delete(peerId)
        this.#open.delete(peerId)
      },
    })
    this.#open.set(peerId, link)
    if (this.#direct !== undefined) link.send({ type: 'direct-request', fingerprint: this.#direct.fingerprint })
    return link
  }

  /** Tries the direct way; without it everything goes on as before. */
  async #goDirect(link: PeerLink, { port, fingerprint }: { port: number; fingerprint: Buffer }): Promise<void> {
    const host = this.#hostOf(link.peerId)
    if (port === 0 || host === undefined || link.isDirect || this.#direct === undefined) return
    try {
      const channel = await this.#direct.connect({ host, port, fingerprint: Buffer.from(fingerprint) })
      link.useDirect(channel)
      log('direct to %s at %s:%d', link.peerId, host, port)
    } catch (error) {
      log('no direct way to %s: %s', link.peerId, error)
    }
  }

  /** The IP address at which the peer is connected; undefined through a relay. */
  #hostOf(peerId: string): string | undefined {
    for (const peer of this.#options.node.peers()) {
      if (peer.peerId !== peerId || peer.address.includes('/p2p-circuit')) continue
      const host = multiaddr(peer.address)
        .getComponents()
        .find(({ name }) => name === 'ip4' || name === 'ip6')?.value
      if (host !== undefined) return host
    }
    return undefined
  }
}
