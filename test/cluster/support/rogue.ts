/**
 * A member that misbehaves towards whoever asks it for blocks:
 *
 *     rogue.ts HOME ADDRESS BEHAVIOUR TARGET
 *
 * connects with the device at the multiaddr TARGET, says "ready", and goes on until its input ends. `lying` says that it
 * has everything and sends the blocks of its home, the small ones as they are, so that it is trusted, and the others
 * changed; `silent` never answers; `flooding` sends answers that nobody asked for, and asks for more than anybody can give.
 */
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cidOfDigest } from '../../../src/format/cid.ts'
import {
  decodeMessage,
  encodeMessage,
  encodePieceHead,
  MESSAGE_BYTES_MAX,
  PIECE_BYTES_MAX,
  type Want,
} from '../../../src/format/message.ts'
import { BLOCKS_PROTOCOL } from '../../../src/net/exchange/node-exchange.ts'
import { type FrameChannel, streamChannel } from '../../../src/net/framing.ts'
import { BlockFilesReader } from '../../../src/store/block-reader.ts'
import { nodeOfHome } from './node-of-home.ts'

const LIE_BYTES_MIN = 64 * 1024

type Behaviour = (channel: FrameChannel) => Promise<void>

const [home, address, behaviour, target] = process.argv.slice(2) as [string, string, string, string]
const blocks = new BlockFilesReader(path.join(home, 'blocks'))
const behaviours: Record<string, Behaviour> = {
  lying: (channel) => answerWants(channel, (want) => lie(channel, want)),
  silent: (channel) => answerWants(channel, async () => {}),
  flooding: async (channel) => {
    for (let id = 0; ; id++) {
      await channel.send(encodePieceHead({ id, blockBytes: 1 << 20, offset: 0 }), randomBytes(PIECE_BYTES_MAX))
    }
  },
}

async function answerWants(channel: FrameChannel, answer: (want: Want) => Promise<void>): Promise<void> {
  for await (const frame of channel) {
    const message = decodeMessage(frame)
    if (message.type === 'want') for (const want of message.wants) await answer(want)
  }
}

async function lie(channel: FrameChannel, { id, mode, digest }: Want): Promise<void> {
  if (mode === 'probe') return channel.send(encodeMessage({ type: 'available', ids: [id] }))
  const block = await blocks.read(cidOfDigest(digest))
  if (block === undefined) return channel.send(encodeMessage({ type: 'missing', ids: [id] }))
  const bytes = Buffer.from(block)
  if (bytes.length >= LIE_BYTES_MIN) bytes[bytes.length - 1]! ^= 1
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES_MAX) {
    const head = encodePieceHead({ id, blockBytes: bytes.length, offset })
    await channel.send(head, bytes.subarray(offset, offset + PIECE_BYTES_MAX))
  }
}

/** Asks for blocks that nobody has, as fast as they can be sent, and again when it is hung up on. */
async function floodWithWants(open: () => Promise<FrameChannel>): Promise<never> {
  for (;;) {
    try {
      const channel = await open()
      for (let id = 0; ; id += 200) {
        const wants = Array.from({ length: 200 }, (_, i): Want => {
          return { id: id + i, mode: 'urgent', from: 0, to: 0, digest: randomBytes(32) }
        })
        await channel.send(encodeMessage({ type: 'want', wants }))
      }
    } catch {
      await sleep(50)
    }
  }
}

const { node } = await nodeOfHome(home, address)
const behave = behaviours[behaviour]!
await node.handle(BLOCKS_PROTOCOL, (stream) => behave(streamChannel(stream, { bytesMax: MESSAGE_BYTES_MAX })))
const open = async () => {
  return streamChannel(await node.open(target, BLOCKS_PROTOCOL), { bytesMax: MESSAGE_BYTES_MAX })
}
await open()
if (behaviour === 'flooding') void floodWithWants(open)
process.stdout.write('ready\n')
process.stdin.on('end', () => process.exit()).resume()
