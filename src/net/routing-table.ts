/**
 * The DHT's routing table, which kad-dht 16.4 has as a public member of its class but not in its interface.
 */
import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'

interface WithTable {
  readonly routingTable: { readonly size: number; remove(peer: PeerId): Promise<void> }
}

/** How many peers are in it. */
export function tableSize(dht: KadDHT): number {
  return (dht as KadDHT & WithTable).routingTable.size
}

export async function removeFromTable(dht: KadDHT, peer: PeerId): Promise<void> {
  await (dht as KadDHT & WithTable).routingTable.remove(peer)
}
