/**
 * This device in its network: a libp2p node that speaks with members, and with strangers only what is opened to them.
 *
 * Where members are is kept in the datastore across restarts, found in the DHT and on the local network; members to
 * reach are called again until they answer.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { LevelDatastore } from 'datastore-level'
import { createLibp2p } from 'libp2p'
import { DfsError } from '../errors.ts'
import { warn } from '../log.ts'
import { Gate } from './gate.ts'
import { libp2pLogger } from './libp2p-logger.ts'
import { type DfsLibp2p, libp2pOptions } from './libp2p-options.ts'
import { chooseListenPlace, DEFAULT_PORT, type ListenOptions, type ListenPlace, listenAddresses } from './listen.ts'
import { Liveness } from './liveness.ts'
import { MemberConnections } from './member-connections.ts'
import { openError, peerIdOf } from './open-target.ts'
import { openDatastore } from './peer-datastore.ts'
import { Providers } from './providers.ts'
import { Reconnector } from './reconnector.ts'
import { Whereabouts } from './whereabouts.ts'

const OPEN_MS_MAX = 30_000
const STREAMS_MAX = 64
/** With fewer than these connected, the way in is looked for again. */
const FEW_MEMBERS = 3

export interface NodeOptions {
  /** 32 bytes: the device's Ed25519 seed. Its peer id is the device's id. */
  identitySeed: Uint8Array
  listen?: ListenOptions
  /** Names the network in protocols; letters and digits. */
  networkId: string
  /** A directory of this node alone: peers' addresses, the DHT's records, what is announced. */
  datastoreDir: string
  /** Multiaddrs with peer ids. */
  bootstrap?: readonly string[]
  mdns?: boolean
  isMember: (peerId: string) => boolean
  /** Members to keep connections with. Default: none. */
  membersToReach?: () => Iterable<string>
  /** Says what is spoken (`handle`), before anybody can connect: who finds a protocol missing does not ask again soon. */
  serve?: (node: DfsNode) => Promise<void>
}

/** Gets a stream, closes or aborts it; a rejection resets it. */
export type ProtocolHandler = (stream: Stream, peerId: string, connection: Connection) => Promise<void>

export interface HandleOptions {
  /** False: strangers may open it too. Default: true. */
  membersOnly?: boolean
  /** Strangers come for this protocol: they are told what is served here, and may open many streams. Default: false. */
  isPublic?: boolean
  /** On one connection, at one time. */
  streamsMax?: number
}

export interface OpenOptions {
  /** Default: 30 s. */
  signal?: AbortSignal | undefined
  /** False: the peer may be a stranger. Default: true. */
  membersOnly?: boolean
}

export interface PeerInfo {
  peerId: string
  /** Where it is connected: a multiaddr. */
  address: string
  direction: 'inbound' | 'outbound'
  /** Milliseconds since 1970. */
  connectedSince: number
}

export interface DfsNode {
  readonly peerId: string
  /** The port listened on, and whether that is the wanted one. */
  readonly port: number
  readonly libp2p: DfsLibp2p
  readonly providers: Providers
  /** Multiaddrs at which this device may be reached, with its peer id. */
  addresses(): string[]
  /** Serves a protocol. */
  handle(protocol: string, handler: ProtocolHandler, options?: HandleOptions): Promise<void>
  unhandle(protocol: string): Promise<void>
  /**
   * Opens a stream to a peer id, wherever it is, or to the peer at a multiaddr (which names the peer id).
   * Fails with `unreachable`, `timeout`, `aborted`, `no-permission` (no member), `unsupported` (protocol), `invalid`.
   */
  open(target: string, protocol: string, options?: OpenOptions): Promise<Stream>
  connectedMembers(): string[]
  peers(): PeerInfo[]
  /** Tells of each member that comes (its first connection) and goes (its last). Gives what ends it. */
  onMember(listener: (peerId: string, isUp: boolean) => void): () => void
  onAddresses(listener: (addresses: string[]) => void): () => void
  /** Somebody waits for a member, whichever: those that are not connected are tried again, if they were not just now. */
  hurry(): void
  /** Whether some member is being called, or about to be, of whom it is not known yet that it is away. */
  readonly expectsMembers: boolean
  /** Disconnects a peer unless it gives a sign of life soon, or `hasSpoken` says then that it did. */
  suspect(peerId: string, hasSpoken: () => boolean): void
  /** To be called when `isMember` or `membersToReach` say something new: cuts off, lets in, calls. */
  membersChanged(): void
  stop(): Promise<void>
}

/** Starts a node. Fails with `busy` if an explicit port is taken, `locked` if the datastore is in use. */
export async function createNode(options: NodeOptions): Promise<DfsNode> {
  const { port: wantedPort = DEFAULT_PORT } = options.listen ?? {}
  const place = await chooseListenPlace(options.listen ?? {})
  await using opened = new AsyncDisposableStack()
  const datastore = await openDatastore(options.datastoreDir)
  opened.defer(() => datastore.close())

  const gate: Gate = new Gate({ isMember: options.isMember, connections: () => libp2p.getConnections() })
  opened.defer(() => gate.stop())
  const libp2p: DfsLibp2p = await createLibp2p(
    await libp2pOptions({
      identitySeed: options.identitySeed,
      networkId: options.networkId,
      listen: listenAddresses(place),
      mdns: options.mdns ?? false,
      datastore,
      connectionGater: gate.connectionGater,
      guarded: (components) => gate.guarded(components),
      logger: libp2pLogger(),
    }),
  )
  opened.defer(() => libp2p.stop())
  const node = new Node(options, { libp2p, gate, place, datastore })
  opened.defer(() => node.stopParts())
  await options.serve?.(node)
  await startListening(libp2p, place)
  await node.startParts()
  if (wantedPort !== 0 && node.port !== wantedPort) warn(`port ${wantedPort} is taken: listening on port ${node.port}`)
  node.closing = opened.move()
  return node
}

interface NodeParts {
  libp2p: DfsLibp2p
  gate: Gate
  place: ListenPlace
  datastore: LevelDatastore
}

class Node implements DfsNode {
  readonly libp2p: DfsLibp2p
  readonly providers: Providers
  readonly peerId: string
  readonly #gate: Gate
  readonly #options: NodeOptions
  readonly #place: ListenPlace
  readonly #members: MemberConnections
  readonly #whereabouts: Whereabouts
  readonly #addressListeners = new Set<(addresses: string[]) => void>()
  #addresses: string[] = []
  #reconnector: Reconnector | undefined
  #liveness: Liveness | undefined
  closing: AsyncDisposableStack | undefined

  constructor(options: NodeOptions, { libp2p, gate, place, datastore }: NodeParts) {
    this.#options = options
    this.#gate = gate
    this.#place = place
    this.libp2p = libp2p
    this.peerId = libp2p.peerId.toString()
    this.#members = new MemberConnections(libp2p, (connection) => gate.standingOf(connection) === 'member')
    const { isMember } = options
    this.providers = new Providers({ dht: libp2p.services.dht, store: datastore, peerId: this.peerId, isMember })
    this.#whereabouts = new Whereabouts(libp2p, this.providers)
  }

  get port(): number {
    const { port } = this.#place
    const first = this.libp2p
      .getMultiaddrs()[0]
      ?.getComponents()
      .find(({ name }) => name === 'tcp')?.value
    return port === 0 ? Number(first ?? 0) : port
  }

  addresses(): string[] {
    return this.libp2p.getMultiaddrs().map(String)
  }

  async handle(protocol: string, handler: ProtocolHandler, options: HandleOptions = {}): Promise<void> {
    const { membersOnly = true, isPublic = false, streamsMax = STREAMS_MAX } = options
    if (!membersOnly) this.#gate.openToStrangers(protocol, { isPublic })
    const guarded = this.#gate.guard(protocol, (stream, connection) =>
      handler(stream, connection.remotePeer.toString(), connection),
    )
    await this.libp2p.handle(protocol, guarded, { maxInboundStreams: streamsMax, maxOutboundStreams: 4 * streamsMax })
  }

  async unhandle(protocol: string): Promise<void> {
    this.#gate.closeToStrangers(protocol)
    await this.libp2p.unhandle(protocol)
  }

  async open(target: string, protocol: string, options: OpenOptions = {}): Promise<Stream> {
    const { signal = AbortSignal.timeout(OPEN_MS_MAX), membersOnly = true } = options
    const peerId = peerIdOf(target)
    if (membersOnly && !this.#options.isMember(peerId)) {
      throw new DfsError('no-permission', 'is no member of this network', { op: 'open stream', subject: peerId })
    }
    const dialled = target.startsWith('/') ? multiaddr(target) : peerIdFromString(target)
    const open = () => this.libp2p.dialProtocol(dialled, protocol, { signal, maxOutboundStreams: 4 * STREAMS_MAX })
    try {
      if (!target.startsWith('/')) await this.#whereabouts.locate(peerId, signal)
      return await (membersOnly ? open() : this.#gate.dialling(peerId, open))
    } catch (error) {
      throw openError(error, peerId, signal)
    }
  }

  connectedMembers(): string[] {
    return this.#members.peerIds()
  }

  peers(): PeerInfo[] {
    return this.#members.connections().map(({ remotePeer, remoteAddr, direction, timeline }) => ({
      peerId: remotePeer.toString(),
      address: remoteAddr.toString(),
      direction,
      connectedSince: timeline.open,
    }))
  }

  onMember(listener: (peerId: string, isUp: boolean) => void): () => void {
    return this.#members.listen(listener)
  }

  onAddresses(listener: (addresses: string[]) => void): () => void {
    this.#addressListeners.add(listener)
    return () => this.#addressListeners.delete(listener)
  }

  hurry(): void {
    this.#reconnector?.hurry()
  }

  get expectsMembers(): boolean {
    return this.#reconnector?.isHopeful ?? false
  }

  suspect(peerId: string, hasSpoken: () => boolean): void {
    this.#liveness?.suspect(peerId, hasSpoken)
  }

  membersChanged(): void {
    this.#gate.membersChanged()
    void this.#whereabouts.forgetStrangers(this.#options.isMember)
    this.#reconnector?.hint()
  }

  async stop(): Promise<void> {
    await this.closing?.disposeAsync()
  }

  async startParts(): Promise<void> {
    const { isMember, membersToReach = () => [], bootstrap = [] } = this.#options
    const entries = bootstrap.map(peerIdOf)
    for (const [at, address] of bootstrap.entries()) await this.#whereabouts.note(entries[at]!, [address])
    this.#addresses = this.addresses()
    this.libp2p.addEventListener('self:peer:update', this.#onSelfUpdate)
    this.libp2p.addEventListener('peer:discovery', ({ detail: { id } }) => {
      if (isMember(id.toString())) this.#reconnector?.hint(id.toString())
    })
    // The connection on which a device was paired has closed: now one as members.
    this.libp2p.addEventListener('connection:close', ({ detail: connection }) => {
      const peerId = connection.remotePeer.toString()
      if (this.#gate.standingOf(connection) === 'stranger' && isMember(peerId)) this.#reconnector?.hint(peerId)
    })
    this.#reconnector = new Reconnector({
      peers: () =>
        this.#members.peerIds().length < FEW_MEMBERS ? [...membersToReach(), ...entries] : membersToReach(),
      isConnected: (peerId) => peerId === this.peerId || this.#members.has(peerId),
      connect: (peerId, signal) => this.#whereabouts.connect(peerId, signal),
    })
    this.#liveness = new Liveness({
      peers: () => this.#members.peerIds(),
      ping: async (peerId, signal) => void (await this.libp2p.services.ping.ping(peerIdFromString(peerId), { signal })),
      disconnect: (peerId, why) => this.#members.abort(peerId, why),
    })
    await this.providers.start()
  }

  stopParts(): void {
    this.libp2p.removeEventListener('self:peer:update', this.#onSelfUpdate)
    this.#reconnector?.stop()
    this.#liveness?.stop()
    this.providers.stop()
  }

  readonly #onSelfUpdate = (): void => {
    const addresses = this.addresses()
    if (addresses.join() === this.#addresses.join()) return
    this.#addresses = addresses
    void this.providers.announceDevice()
    this.#reconnector?.hint()
    for (const listener of this.#addressListeners) listener(addresses)
  }
}

async function startListening(libp2p: DfsLibp2p, { port }: ListenPlace): Promise<void> {
  try {
    await libp2p.start()
  } catch (cause) {
    throw new DfsError('busy', `cannot listen on port ${port}: ${(cause as Error).message}`, { op: 'listen', cause })
  }
}
