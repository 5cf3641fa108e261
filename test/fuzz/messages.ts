/**
 * A million mutated messages for every decoder of what comes from other devices: each is refused with a DfsError or read, and
 * memory stays where it is. `node test/fuzz/messages.ts [COUNT [DECODER...]]`; DFS_FUZZ_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { DfsError } from '../../src/errors.ts'
import { decodeBitswapWants, decodeVarint } from '../../src/format/bitswap-message.ts'
import { decodeEntry } from '../../src/format/head-entry.ts'
import { decodeHeadNode, isLeaf } from '../../src/format/head-node.ts'
import { decodeHeadBody, decodeSealedHead } from '../../src/format/head-record.ts'
import { decodeHeadsMessage } from '../../src/format/heads-message.ts'
import { decodeHoldsMessage } from '../../src/format/hold-message.ts'
import { decodeHoldRecord } from '../../src/format/hold-record.ts'
import { decodeKeysMessage } from '../../src/format/keys-message.ts'
import { decodeMembersMessage } from '../../src/format/members-message.ts'
import { decodeStatement, decodeStatementSet } from '../../src/format/membership.ts'
import { decodeMessage, MESSAGE_BYTES_MAX } from '../../src/format/message.ts'
import { decodePairingMessage } from '../../src/format/pairing-message.ts'
import { decodeShard } from '../../src/format/shard.ts'
import { decodeChallenge } from '../../src/format/storage-proof.ts'
import { decodeSyncEntry } from '../../src/format/sync-entry.ts'
import { decodeSyncMessage } from '../../src/format/sync-message.ts'
import { decodeTicket } from '../../src/format/ticket.ts'
import { FrameAssembler } from '../../src/net/frame-assembler.ts'
import { Random, seedFrom } from '../support/random.ts'

const COUNT = Number(process.argv[2] ?? 1_000_000)
const ONLY = process.argv.slice(3)
const GROWTH_BYTES_MAX = 256 * 1024 * 1024

const BITSWAP = Buffer.from(`0a300a2e0a2401551e20${'ab'.repeat(32)}10011800200028010a04`, 'hex')
const targets: Record<string, { seeds: Buffer[]; decode: (bytes: Buffer) => unknown }> = {
  'block exchange': { seeds: vectors('message'), decode: decodeMessage },
  bitswap: {
    seeds: [BITSWAP, BITSWAP.subarray(0, 50)],
    decode: (bytes) => {
      decodeVarint(bytes)
      return decodeBitswapWants(bytes)
    },
  },
  frames: { seeds: vectors('message').map(framed), decode: pushInPieces },
  statements: { seeds: vectors('membership', 'statement'), decode: decodeStatement },
  'sets of statements': { seeds: vectors('membership', 'set'), decode: decodeStatementSet },
  members: { seeds: vectors('membership', 'members'), decode: decodeMembersMessage },
  pairing: { seeds: vectors('membership', 'pairing'), decode: decodePairingMessage },
  keys: { seeds: vectors('membership', 'keys'), decode: decodeKeysMessage },
  holds: { seeds: vectors('hold', 'record'), decode: decodeHoldRecord },
  'messages of holds': { seeds: vectors('hold', 'message'), decode: decodeHoldsMessage },
  shards: { seeds: vectors('shard'), decode: decodeShard },
  'storage challenges': { seeds: vectors('storage-proof', 'challenge'), decode: decodeChallenge },
  'nodes of heads': { seeds: vectors('head', 'node'), decode: readHeadNode },
  'head records': { seeds: vectors('head', 'record'), decode: decodeSealedHead },
  'messages of heads': { seeds: vectors('head', 'message'), decode: decodeHeadsMessage },
  'bodies of heads': { seeds: vectors('head', 'body'), decode: decodeHeadBody },
  'entries of synced folders': { seeds: vectors('sync', 'entry'), decode: decodeSyncEntry },
  'messages of synced folders': { seeds: vectors('sync', 'message'), decode: decodeSyncMessage },
  tickets: { seeds: vectors('membership', 'ticket'), decode: decodeTicket },
}

const seed = seedFrom('DFS_FUZZ_SEED')
const random = new Random(seed)
console.log(`seed ${seed}`)
for (const [name, { seeds, decode }] of Object.entries(targets)) {
  if (ONLY.length > 0 && !ONLY.includes(name)) continue
  const before = process.memoryUsage().rss
  let read = 0
  for (let i = 0; i < COUNT; i++) {
    const bytes = mutated(random.pick(seeds))
    try {
      decode(bytes)
      read++
    } catch (error) {
      assert(error instanceof DfsError, `${name}: ${bytes.toString('hex')} (seed ${seed}): ${(error as Error).stack}`)
    }
  }
  const grown = process.memoryUsage().rss - before
  assert(grown < GROWTH_BYTES_MAX, `${name}: memory grew by ${grown} bytes`)
  console.log(
    `${name}: ${COUNT} messages, ${read} read, the others refused; memory grew by ${Math.round(grown / 2 ** 20)} MiB`,
  )
}

/** The valid ones of a format, or of one encoding of it. */
function vectors(format: string, encoding?: string): Buffer[] {
  const { valid } = JSON.parse(readFileSync(new URL(`../vectors/${format}.json`, import.meta.url), 'utf8'))
  return valid
    .filter(({ what }: { what: string }) => encoding === undefined || what === encoding)
    .map(({ hex }: { hex: string }) => Buffer.from(hex, 'hex'))
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(message.length)
  return Buffer.concat([length, message, length, message])
}

function readHeadNode(bytes: Buffer): void {
  const node = decodeHeadNode(bytes)
  if (isLeaf(node)) for (const { path, record } of node.items) decodeEntry(path, record)
}

/** As it would come from a peer that sends what it likes in pieces as it likes. */
function pushInPieces(bytes: Buffer): void {
  const assembler = new FrameAssembler(MESSAGE_BYTES_MAX, decodeMessage)
  if (random.oneIn(2)) {
    const room = Buffer.alloc(MESSAGE_BYTES_MAX)
    assembler.placeBodies(13, (_head, bodyBytes) =>
      random.oneIn(2) ? undefined : { into: room.subarray(0, bodyBytes), done: () => {} },
    )
  }
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(40)
    assembler.push(bytes.subarray(at, end))
    at = end
  }
}

function mutated(bytes: Buffer): Buffer {
  let result = Buffer.from(bytes)
  for (let changes = random.below(5); changes >= 0; changes--) {
    const at = random.below(result.length + 1)
    const kind = random.below(5)
    if (kind === 0 && result.length > 0) result[at % result.length] = random.below(256)
    else if (kind === 1 && result.length > 0) result[at % result.length]! ^= 1 << random.below(8)
    else if (kind === 2) result = result.subarray(0, at)
    else if (kind === 3)
      result = Buffer.concat([result.subarray(0, at), random.bytes(random.below(9)), result.subarray(at)])
    else if (at + 4 <= result.length) result.writeUInt32LE(random.pick([0, 1, 0x7fffffff, 0xffffffff, 262_144]), at)
  }
  return result
}
