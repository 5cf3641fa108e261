/**
 * A libp2p transport within one process, without encryption: thousands of nodes for the price of their protocols.
 */
import {
  type Connection,
  type Listener,
  type PeerId,
  type Transport,
  transportSymbol,
  type Upgrader,
} from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { libp2pLogger } from '../../../src/net/libp2p-logger.ts'

const DIAL_MS_MAX = 60_000
const quiet = libp2pLogger().forComponent('memory')

interface Host {
  peerId: PeerId
  upgrader: Upgrader
}

/** Who listens, by address without the peer id. */
const hosts = new Map<string, Host>()

export function memoryTransport(): (components: { peerId: PeerId }) => Transport {
  return ({ peerId }) => ({
    [Symbol.toStringTag]: 'memory',
    [transportSymbol]: true,
    dial: (address, { upgrader, signal }) => dial(address, peerId, upgrader, signal),
    createListener: ({ upgrader }) => new MemoryListener({ peerId, upgrader }) as unknown as Listener,
    listenFilter: (addresses) => addresses,
    dialFilter: (addresses) => addresses.filter((address) => hostPart(address).startsWith('/memory/')),
  })
}

async function dial(address: Multiaddr, peerId: PeerId, upgrader: Upgrader, signal: AbortSignal): Promise<Connection> {
  const host = hosts.get(hostPart(address))
  if (host === undefined) throw new Error(`nobody listens on ${address}`)
  const [outbound, inbound] = multiaddrConnectionPair({
    outbound: { remoteAddr: address },
    inbound: { remoteAddr: multiaddr(`/memory/from-${peerId}`) },
  })
  // Their own loggers look at the terminal for each connection.
  for (const end of [outbound, inbound]) end.log = quiet
  const options = { skipEncryption: true, skipProtection: true } as const
  host.upgrader
    .upgradeInbound(inbound, { ...options, remotePeer: peerId, signal: AbortSignal.timeout(DIAL_MS_MAX) } as never)
    .catch((error) => inbound.abort(error))
  return upgrader.upgradeOutbound(outbound, { ...options, remotePeer: host.peerId, signal } as never)
}

class MemoryListener extends EventTarget {
  readonly #host: Host
  #address: Multiaddr | undefined

  constructor(host: Host) {
    super()
    this.#host = host
  }

  async listen(address: Multiaddr): Promise<void> {
    this.#address = address
    hosts.set(hostPart(address), this.#host)
    this.dispatchEvent(new CustomEvent('listening'))
  }

  getAddrs(): Multiaddr[] {
    return this.#address === undefined ? [] : [this.#address]
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    if (this.#address !== undefined) hosts.delete(hostPart(this.#address))
    this.dispatchEvent(new CustomEvent('close'))
  }
}

function hostPart(address: Multiaddr): string {
  return address.toString().replace(/\/p2p\/.*$/, '')
}
