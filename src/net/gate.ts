/**
 * Who may speak what: members everything, strangers (all others) only the protocols opened to them.
 *
 * A connection is a member's or a stranger's for its whole life, by what the peer was when it was made. Strangers get
 * in only while some protocol is open to them, at most STRANGERS_MAX at a time, and are sent away when they have
 * nothing open. Inbound streams are counted for every peer. A protocol for which strangers come as such is public: they
 * are told of it (IPFS nodes open nothing that identify did not name), may ask whether we are there (they drop who does
 * not answer a ping), and may open a stream for every block and every want called off: a want refused is not asked again.
 *
 * Protocols that libp2p's own services handle pass through `guarded`; libp2p's stream middleware would be the place,
 * but in 3.3 it gains a copy of the handler with each stream.
 */
import type {
  Connection,
  ConnectionGater,
  PeerId,
  Stream,
  StreamHandler,
  StreamHandlerOptions,
} from '@libp2p/interface'
import { DfsError } from '../errors.ts'
import { logger } from '../log.ts'
import { RateLimit } from './rate-limit.ts'

const log = logger('net')

const STRANGERS_MAX = 8
const STRANGER_STREAMS_MAX = 4
const PUBLIC_STREAMS_MAX = 64
/** What any IPFS node expects to be able to ask, whatever it came for. */
const MANNERS = ['/ipfs/id/1.0.0', '/ipfs/ping/1.0.0']
const STRANGER_IDLE_MS = 10_000
const SWEEP_MS = 2_000

type Standing = 'member' | 'stranger'

export interface GateOptions {
  isMember: (peerId: string) => boolean
  /** All connections there are. */
  connections: () => readonly Connection[]
}

export class Gate {
  readonly #isMember: (peerId: string) => boolean
  readonly #connections: () => readonly Connection[]
  readonly #standings = new WeakMap<Connection, Standing>()
  readonly #idleSince = new WeakMap<Connection, number>()
  /** Protocols that strangers may open here, and peers that we dial although they are strangers. */
  readonly #openProtocols = new Set<string>()
  readonly #publicProtocols = new Set<string>()
  readonly #dialled = new Map<string, number>()
  readonly #memberStreams = new RateLimit({ perSecond: 200, burst: 1_000 })
  readonly #publicStreams = new RateLimit({ perSecond: 200, burst: 1_000 })
  readonly #strangerStreams = new RateLimit({ perSecond: 1, burst: 8 })
  readonly #sweeper: NodeJS.Timeout

  constructor({ isMember, connections }: GateOptions) {
    this.#isMember = isMember
    this.#connections = connections
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  stop(): void {
    clearInterval(this.#sweeper)
  }

  readonly connectionGater: ConnectionGater = {
    denyDialPeer: (peer) => !this.#mayDial(peer),
    denyOutboundEncryptedConnection: (peer) => !this.#mayDial(peer),
    denyInboundEncryptedConnection: (peer) => !this.#isMember(peer.toString()) && !this.#hasRoomForStranger(),
    // Addresses are kept of members and of those being dialled; what others say of strangers is not.
    filterMultiaddrForPeer: (peer) => this.#mayDial(peer),
  }

  standingOf(connection: Connection): Standing {
    const known = this.#standings.get(connection)
    if (known !== undefined) return known
    const standing = this.#isMember(connection.remotePeer.toString()) ? 'member' : 'stranger'
    this.#standings.set(connection, standing)
    return standing
  }

  openToStrangers(protocol: string, { isPublic = false } = {}): void {
    this.#openProtocols.add(protocol)
    if (!isPublic) return
    this.#publicProtocols.add(protocol)
    for (const one of MANNERS) this.#openProtocols.add(one)
  }

  closeToStrangers(protocol: string): void {
    this.#openProtocols.delete(protocol)
    if (this.#publicProtocols.delete(protocol) && this.#publicProtocols.size === 0) {
      for (const one of MANNERS) this.#openProtocols.delete(one)
    }
  }

  /** Lets `work` dial this peer, member or not. */
  async dialling<T>(peerId: string, work: () => Promise<T>): Promise<T> {
    this.#dialled.set(peerId, (this.#dialled.get(peerId) ?? 0) + 1)
    try {
      return await work()
    } finally {
      const left = this.#dialled.get(peerId)! - 1
      if (left === 0) this.#dialled.delete(peerId)
      else this.#dialled.set(peerId, left)
    }
  }

  /** The handler behind the gate: streams that may not pass are reset, and those whose handling fails. */
  guard(protocol: string, handler: StreamHandler): StreamHandler {
    return async (stream, connection) => {
      try {
        this.#admit(protocol, stream, connection)
        await handler(stream, connection)
      } catch (error) {
        log('%s from %s: %s', protocol, connection.remotePeer, error)
        stream.abort(error as Error)
      }
    }
  }

  /** The components given to a libp2p service, such that all that the service handles is behind the gate. */
  guarded<C extends { registrar: { handle: (...args: never[]) => Promise<void> } }>(components: C): C {
    const { registrar } = components
    const handle = (protocol: string, handler: StreamHandler, options?: StreamHandlerOptions) =>
      (registrar.handle as (...args: unknown[]) => Promise<void>)(protocol, this.guard(protocol, handler), options)
    return overlay(components, { registrar: overlay(registrar, { handle }) } as Partial<C>)
  }

  /** Sends away who is no member any more, and strangers' connections of those who have become members. */
  membersChanged(): void {
    for (const connection of this.#connections()) {
      const isMember = this.#isMember(connection.remotePeer.toString())
      if (this.standingOf(connection) === 'member' && !isMember) connection.abort(notMember())
    }
    this.#sweep()
  }

  #mayDial(peer: PeerId): boolean {
    const peerId = peer.toString()
    return this.#isMember(peerId) || this.#dialled.has(peerId)
  }

  #hasRoomForStranger(): boolean {
    if (this.#openProtocols.size === 0) return false
    return this.#connections().filter((one) => this.standingOf(one) === 'stranger').length < STRANGERS_MAX
  }

  #admit(protocol: string, stream: Stream, connection: Connection): void {
    const peerId = connection.remotePeer.toString()
    const isStranger = this.standingOf(connection) === 'stranger'
    if (isStranger && !this.#openProtocols.has(protocol)) throw notMember()
    const streamsMax = this.#publicProtocols.size > 0 ? PUBLIC_STREAMS_MAX : STRANGER_STREAMS_MAX
    if (isStranger && connection.streams.length > streamsMax) throw tooMany()
    const strangerStreams = this.#publicProtocols.has(protocol) ? this.#publicStreams : this.#strangerStreams
    if (stream.direction === 'inbound' && !(isStranger ? strangerStreams : this.#memberStreams).take(peerId)) {
      throw tooMany()
    }
  }

  /** Closes strangers' connections that have stood idle, at once if the peer has become a member. */
  #sweep(): void {
    const now = performance.now()
    for (const connection of this.#connections()) {
      if (this.standingOf(connection) === 'member') continue
      const peerId = connection.remotePeer.toString()
      if (connection.streams.length > 0 || this.#dialled.has(peerId)) this.#idleSince.delete(connection)
      else {
        const since = this.#idleSince.get(connection) ?? now
        this.#idleSince.set(connection, since)
        if (this.#isMember(peerId) || now - since >= STRANGER_IDLE_MS)
          connection.close().catch(() => connection.abort(notMember()))
      }
    }
  }
}

/** `object` with some properties in place of its own; works on libp2p's components, which are a Proxy. */
function overlay<T extends object>(object: T, properties: Partial<T>): T {
  return new Proxy(object, {
    get: (target, name) => {
      if (Object.hasOwn(properties, name)) return properties[name as keyof T]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function notMember(): DfsError {
  return new DfsError('no-permission', 'the peer is no member of this network')
}

function tooMany(): DfsError {
  return new DfsError('no-permission', 'the peer opens too many streams')
}
