/** A Helia node as its manual says to build one, over TCP and TLS alone, with hashes besides those that it brings. */
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createHeliaLight } from 'helia'

export async function startHelia({ hashers = [], listen = [] } = {}) {
  const helia = withBitswap(
    withLibp2pLight(createHeliaLight({ hashers }), {
      addresses: { listen },
      transports: [tcp()],
      connectionEncrypters: [tls()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
    }),
  )
  await helia.start()
  return helia
}

/** A block's bytes, from whoever is connected and has it. */
export async function fetchBlock(helia, cid, timeoutMs) {
  const parts = []
  for await (const part of helia.blockstore.get(cid, { signal: AbortSignal.timeout(timeoutMs) })) parts.push(part)
  return Buffer.concat(parts)
}
