/**
 * Blocks of 1 MiB from one Helia node to another by bitswap, each a process:
 *
 *     helia-transfer.mjs hold MEBIBYTES    prints { address, cids } as JSON, and serves them until it is killed
 *     helia-transfer.mjs fetch             reads that from standard input, fetches them, and prints { firstPageMs, read }
 *
 * `firstPageMs` is how long the first block takes, in ms, over a connection that stands; `read` is MiB/s of the others.
 */
import { randomFillSync } from 'node:crypto'
import { json } from 'node:stream/consumers'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { fetchBlock, startHelia } from './helia-node.mjs'

const MIB = 1024 * 1024
const RAW_CODEC = 0x55
const AT_ONCE = 16
const TIMEOUT_MS = 60_000

const [half, mebibytes] = process.argv.slice(2)
await (half === 'hold' ? hold(Number(mebibytes)) : fetchAll(await json(process.stdin)))

async function hold(blocks) {
  const helia = await startHelia({ listen: ['/ip4/127.0.0.1/tcp/0'] })
  const cids = []
  for (let i = 0; i < blocks; i++) {
    const bytes = randomFillSync(new Uint8Array(MIB))
    const cid = CID.createV1(RAW_CODEC, await sha256.digest(bytes))
    await helia.blockstore.put(cid, bytes)
    cids.push(cid.toString())
  }
  console.log(JSON.stringify({ address: helia.libp2p.getMultiaddrs()[0].toString(), cids }))
}

async function fetchAll({ address, cids }) {
  const helia = await startHelia()
  await helia.libp2p.dial(multiaddr(address))
  const waiting = cids.map((text) => CID.parse(text))
  const start = performance.now()
  await fetchBlock(helia, waiting.pop(), TIMEOUT_MS)
  const first = performance.now()
  const count = waiting.length
  const fetchSome = async () => {
    for (let cid = waiting.pop(); cid !== undefined; cid = waiting.pop()) await fetchBlock(helia, cid, TIMEOUT_MS)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, fetchSome))
  const seconds = (performance.now() - first) / 1000
  console.log(JSON.stringify({ firstPageMs: first - start, read: count / seconds }))
  await helia.stop()
}
