/**
 * A stock IPFS client that fetches blocks by bitswap:
 *
 *     stock-client.mjs ADDRESS with-blake3|without CID...
 *
 * prints the blocks' bytes in base64, one a line. All that dfs needs of it is the hash that Helia does not bring: BLAKE3.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { blake3 } from '@noble/hashes/blake3.js'
import { CID } from 'multiformats/cid'
import { from } from 'multiformats/hashes/hasher'
import { fetchBlock, startHelia } from './helia-node.mjs'

const TIMEOUT_MS = 10_000

const [address, mode, ...cids] = process.argv.slice(2)
const hasher = from({ name: 'blake3', code: 0x1e, encode: (bytes) => blake3(bytes) })
const helia = await startHelia({ hashers: mode === 'with-blake3' ? [hasher] : [] })
await helia.libp2p.dial(multiaddr(address))
const fetched = (text) => fetchBlock(helia, CID.parse(text), TIMEOUT_MS)
// Half of them one after the other, as a walk over a file asks, and half at once.
const blocks = []
for (const text of cids.slice(0, cids.length / 2)) blocks.push(await fetched(text))
blocks.push(...(await Promise.all(cids.slice(cids.length / 2).map(fetched))))
process.stdout.write(blocks.map((bytes) => `${bytes.toString('base64')}\n`).join(''))
await helia.stop()
