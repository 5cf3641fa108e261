/**
 * The DHT's routing table, which kad-dht 16.4 has as a member of its class but not in its interface.
 */
import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'

interface WithTable {
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
