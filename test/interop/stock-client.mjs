/**
 * A Helia node as its manual says to build one, that fetches blocks by bitswap:
 *
 *     stock-client.mjs ADDRESS with-blake3|without CID...
 *
 * prints the blocks' bytes in base64, one a line. All that dfs needs of it is the hash that Helia does not bring: BLAKE3.
 */
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { blake3 } from '@noble/hashes/blake3.js'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'
import { from } from 'multiformats/hashes/hasher'

const TIMEOUT_MS = 10_000

const [address, mode, ...cids] = process.argv.slice(2)
const hasher = from({ name: 'blake3', code: 0x1e, encode: (bytes) => blake3(bytes) })
const helia = withBitswap(
  withLibp2pLight(createHeliaLight({ hashers: mode === 'with-blake3' ? [hasher] : [] }), {
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  }),
)
await helia.start()
await helia.libp2p.dial(multiaddr(address))
// Half of them one after the other, as a walk over a file asks, and half at once.
const blocks = []
for (const text of cids.slice(0, cids.length / 2)) blocks.push(await fetchBlock(text))
blocks.push(...(await Promise.all(cids.slice(cids.length / 2).map(fetchBlock))))
process.stdout.write(blocks.map((bytes) => `${bytes.toString('base64')}\n`).join(''))
await helia.stop()

async function fetchBlock(text) {
  const parts = []
  const block = helia.blockstore.get(CID.parse(text), { signal: AbortSignal.timeout(TIMEOUT_MS) })
  for await (const part of block) parts.push(part)
  return Buffer.concat(parts)
}
