/**
 * Where peers are: what the peer store remembers, and what the DHT says when it remembers nothing or is out of date.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { DfsError } from '../errors.ts'
import type { DfsLibp2p } from './libp2p-options.ts'
import type { Providers } from './providers.ts'
import { removeFromTable } from './routing-table.ts'

/** Then what is known of the peer may be out of date. */
const DIAL_MS_MAX = 10_000

export class Whereabouts {
  readonly #libp2p: DfsLibp2p
  readonly #providers: Providers

  constructor(libp2p: DfsLibp2p, providers: Providers) {
    this.#libp2p = libp2p
    this.#providers = providers
  }

  /**
   * Makes sure that an address of the peer is known. libp2p must not be asked to dial without: it waits for the DHT,
   * and every later dial of the same peer waits with it, whatever is learnt meanwhile.
   */
  async locate(peerId: string, signal: AbortSignal): Promise<void> {
    const id = peerIdFromString(peerId)
    if (this.#libp2p.getConnections(id).length > 0) return
    const known = (await this.#libp2p.peerStore.has(id)) ? (await this.#libp2p.peerStore.get(id)).addresses : []
    if (known.length === 0 && !(await this.lookUp(peerId, signal))) {
      throw new DfsError('unreachable', 'nobody knows where it is', { op: 'connect', subject: peerId })
    }
  }

  /** Connects where the peer was known to be, else where the DHT says it is now. */
  async connect(peerId: string, signal: AbortSignal): Promise<void> {
    const id = peerIdFromString(peerId)
    await this.locate(peerId, signal)
    try {
      await this.#libp2p.dial(id, { signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS_MAX)]) })
    } catch (error) {
      if (!(await this.lookUp(peerId, signal))) throw error
      await this.#libp2p.dial(id, { signal })
    }
  }

  /** Asks the DHT where the peer is; whether it knew. */
  async lookUp(peerId: string, signal: AbortSignal): Promise<boolean> {
    const addresses = await this.#providers.findDevice(peerId, { signal })
    if (addresses.length > 0) await this.note(peerId, addresses)
    return addresses.length > 0
  }

  /** The peer is said to be there. */
  async note(peerId: string, addresses: readonly string[]): Promise<void> {
    const multiaddrs = addresses.map((address) => multiaddr(address))
    await this.#libp2p.peerStore.merge(peerIdFromString(peerId), { multiaddrs })
  }

  /** What is stored of peers that are no members (any more) goes, so that nothing leads to them again. */
  async forgetStrangers(isMember: (peerId: string) => boolean): Promise<void> {
    const { peerStore, peerId, services } = this.#libp2p
    for (const { id } of await peerStore.all()) {
      if (isMember(id.toString()) || id.equals(peerId)) continue
      await removeFromTable(services.dht, id)
      await peerStore.delete(id)
    }
  }
}
