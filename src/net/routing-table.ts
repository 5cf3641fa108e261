/**
 * The DHT's routing table, which kad-dht 16.4 has as a member of its class but not in its interface.
 */
import type { PeerId } from '@libp2p/interface'
import type { KadDHT, QueryEvent } from '@libp2p/kad-dht'

/** An answer this long before a request began shows as well that it is not this device that is cut off. */
const ONLINE_MS = 5_000

type Send = (to: PeerId, message: unknown, options: { signal?: AbortSignal }) => AsyncGenerator<QueryEvent>

interface WithTable {
  readonly network: { sendRequest: Send; sendMessage: Send }
  readonly routingTable: { readonly size: number; remove(peer: PeerId): Promise<void> }
  readonly routingTableRefresh: { refreshInterval: number }
}

/** How many peers are in it. */
export function tableSize(dht: KadDHT): number {
  return (dht as unknown as WithTable).routingTable.size
}

export async function removeFromTable(dht: KadDHT, peer: PeerId): Promise<void> {
  await (dht as unknown as WithTable).routingTable.remove(peer)
}

/**
 * Sets how often random lookups look for peers to fill the table with. The default, 5 minutes, makes 1 kB/s of a quiet
 * network of 20; queries, their answers and whoever connects fill it as well.
 */
export function refreshEvery(dht: KadDHT, intervalMs: number): void {
  ;(dht as unknown as WithTable).routingTableRefresh.refreshInterval = intervalMs
}

/**
 * Peers that do not answer a request leave the table, unless nobody answers at present. kad-dht keeps them until their
 * bucket is full, and meanwhile names them to others: in a network whose devices come and go, tables fill with those
 * that went. One that is back returns to the table as it came: when it connects, asks, or is named and answers a ping.
 */
export function dropSilent(dht: KadDHT): void {
  const { network, routingTable } = dht as unknown as WithTable
  let answeredMs = Number.NEGATIVE_INFINITY
  const watched = (send: Send): Send =>
    async function* (to, message, options) {
      const beganMs = performance.now()
      for await (const event of send.call(network, to, message, options)) {
        if (event.name === 'PEER_RESPONSE') answeredMs = performance.now()
        const isSilent = event.name === 'QUERY_ERROR' && options.signal?.aborted !== true
        if (isSilent && answeredMs > beganMs - ONLINE_MS) await routingTable.remove(to)
        yield event
      }
    }
  network.sendRequest = watched(network.sendRequest)
  network.sendMessage = watched(network.sendMessage)
}
