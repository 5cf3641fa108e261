/**
 * Somebody with the identity of a home who tries everything that members may:
 *
 *     outsider.ts HOME ADDRESS TARGET CID...
 *
 * asks the device at the multiaddr TARGET for these blocks, for its personal key and for its part of the DHT, and prints
 * as JSON how many bytes were answered, by protocol.
 */
import type { Cid } from '../../../src/dfs.ts'
import { describeError } from '../../../src/errors.ts'
import { digestOfCid } from '../../../src/format/cid.ts'
import { encodeMessage, MESSAGE_BYTES_MAX } from '../../../src/format/message.ts'
import { BLOCKS_PROTOCOL } from '../../../src/net/exchange/node-exchange.ts'
import { streamChannel } from '../../../src/net/framing.ts'
import { dhtProtocol } from '../../../src/net/libp2p-options.ts'
import { nodeOfHome } from './node-of-home.ts'

const ANSWER_MS = 1_000
const OPEN_MS = 5_000

const [home, address, target, ...cids] = process.argv.slice(2) as [string, string, string, ...Cid[]]
const { node, networkId } = await nodeOfHome(home, address)
const wants = cids.map((cid, id) => ({ id, mode: 'urgent', from: 0, to: 0, digest: digestOfCid(cid) }) as const)
const asked: Record<string, Buffer> = {
  [BLOCKS_PROTOCOL]: encodeMessage({ type: 'want', wants }),
  '/dfs/keys/1': Buffer.alloc(8),
  [dhtProtocol(networkId)]: Buffer.alloc(8),
  '/ipfs/bitswap/1.2.0': Buffer.alloc(8),
}

/** Gives the length of all answers that come in time. */
async function ask(protocol: string, question: Buffer): Promise<number> {
  let bytes = 0
  try {
    const stream = await node.open(target, protocol, { signal: AbortSignal.timeout(OPEN_MS), membersOnly: false })
    const channel = streamChannel(stream, { bytesMax: MESSAGE_BYTES_MAX, signal: AbortSignal.timeout(ANSWER_MS) })
    await channel.send(question)
    for await (const frame of channel) bytes += frame.length
  } catch (error) {
    process.stderr.write(`${protocol}: ${describeError(error)}\n`)
  }
  return bytes
}

const answers: Record<string, number> = {}
for (const [protocol, question] of Object.entries(asked)) answers[protocol] = await ask(protocol, question)
process.stdout.write(JSON.stringify(answers), () => process.exit())
