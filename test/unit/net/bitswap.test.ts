/** The bitswap face of a real node on loopback, asked by a stranger. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Cid } from '../../../src/dfs.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import { BITSWAP_PROTOCOL, startBitswap } from '../../../src/net/bitswap.ts'
import { StreamCarrier } from '../../../src/net/stream-carrier.ts'
import { digestOf } from '../../../src/seal/hash.ts'
import { startNode } from './support/node.ts'

const IDENTIFY_PROTOCOL = '/ipfs/id/1.0.0'
const PING_PROTOCOL = '/ipfs/ping/1.0.0'
/** As many as one stranger fetches at a time, and more than it may have open elsewhere. */
const OPEN_STREAMS = 30

function wantlist(...digests: Buffer[]): Buffer {
  const entries = digests.map((digest) =>
    Buffer.concat([Buffer.from('0a28', 'hex'), Buffer.from('0a2401551e20', 'hex'), digest, Buffer.from('2801', 'hex')]),
  )
  const list = Buffer.concat(entries)
  return Buffer.concat([Buffer.of(list.length + 2, 0x0a, list.length), list])
}

test('a stranger fetches a block by its CID, and is told what is not here', async (t) => {
  const block = randomBytes(300_000)
  const cid = cidOfDigest(digestOf(block))
  const holder = await startNode(t, { isMember: () => false })
  const blocks = { has: (name: Cid) => name === cid, read: async (name: Cid) => (name === cid ? block : undefined) }
  await startBitswap({ node: holder, blocks })
  const asker = await startNode(t, { isMember: () => false })
  const got: Buffer[] = []
  const enough = Promise.withResolvers<void>()
  await asker.handle(
    BITSWAP_PROTOCOL,
    async (stream) => {
      new StreamCarrier(stream).start({
        onBytes: (bytes) => void got.push(Buffer.from(bytes)),
        onEnd: () => enough.resolve(),
        onGone: () => enough.resolve(),
      })
      await enough.promise
    },
    { membersOnly: false },
  )
  const [address] = holder.addresses()
  const stream = await asker.open(address!, BITSWAP_PROTOCOL, { membersOnly: false })
  const carrier = new StreamCarrier(stream)
  carrier.start({ onBytes: () => {}, onEnd: () => {}, onGone: () => {} })
  carrier.write([wantlist(digestOf(block), Buffer.alloc(32, 7))])
  await carrier.close()
  await enough.promise
  const answer = Buffer.concat(got)
  assert(answer.includes(block), 'the block came')
  assert(answer.subarray(-37).includes(Buffer.alloc(32, 7)), 'and what is not here is denied')
})

test('a stranger is told what is served where bitswap is, and may ask for one block after the other', async (t) => {
  const holder = await startNode(t, { isMember: () => false })
  const asker = await startNode(t, { isMember: () => false })
  const [address] = holder.addresses()
  const asks = async (protocol: string) => {
    const stream = await asker.open(address!, protocol, { membersOnly: false, signal: AbortSignal.timeout(5_000) })
    return await new Promise<number>((resolve) => {
      let bytes = 0
      const carrier = new StreamCarrier(stream)
      carrier.start({
        onBytes: (some) => {
          bytes += some.length
        },
        onEnd: () => resolve(bytes),
        onGone: () => resolve(-1),
      })
      if (protocol === BITSWAP_PROTOCOL) carrier.write([wantlist(randomBytes(32))])
      void carrier.close()
    })
  }
  await holder.handle('/dfs/other/1', async (stream) => void stream.close(), { membersOnly: false })
  assert(!((await asks(IDENTIFY_PROTOCOL).catch(() => 0)) > 0), 'nothing is public so far')

  await startBitswap({ node: holder, blocks: { has: () => false, read: async () => undefined } })
  assert((await asks(IDENTIFY_PROTOCOL)) > 0)
  for (let i = 0; i < 300; i++) assert.equal(await asks(BITSWAP_PROTOCOL), 0, `want ${i}`)
})

test('a stranger with many wants under way is answered when it asks whether we are there', async (t) => {
  const holder = await startNode(t, { isMember: () => false })
  const asker = await startNode(t, { isMember: () => false })
  const [address] = holder.addresses()
  await startBitswap({ node: holder, blocks: { has: () => false, read: async () => undefined } })
  for (let i = 0; i < OPEN_STREAMS; i++) await asker.open(address!, BITSWAP_PROTOCOL, { membersOnly: false })
  const sent = randomBytes(32)
  const stream = await asker.open(address!, PING_PROTOCOL, { membersOnly: false, signal: AbortSignal.timeout(5_000) })
  const carrier = new StreamCarrier(stream)
  const back = await new Promise<Buffer>((resolve, reject) => {
    carrier.start({ onBytes: (bytes) => resolve(Buffer.from(bytes)), onEnd: () => {}, onGone: reject })
    carrier.write([sent])
  })
  assert.deepEqual(back, sent)
})

test('whenever a want comes, it is answered: also while the answers before are just ending', {
  timeout: 10_000,
}, async (t) => {
  const missing = new Set(Array.from({ length: 150 }, () => randomBytes(100)))
  const byCid = new Map([...missing].map((block) => [cidOfDigest(digestOf(block)), block]))
  const holder = await startNode(t, { isMember: () => false })
  await startBitswap({ node: holder, blocks: { has: (cid) => byCid.has(cid), read: async (cid) => byCid.get(cid) } })
  const asker = await startNode(t, { isMember: () => false })
  const all = Promise.withResolvers<void>()
  await asker.handle(
    BITSWAP_PROTOCOL,
    async (answers) => {
      const ended = Promise.withResolvers<void>()
      let got = Buffer.alloc(0)
      new StreamCarrier(answers).start({
        onBytes: (bytes) => {
          got = Buffer.concat([got, bytes])
          for (const block of missing) if (got.includes(block)) missing.delete(block)
          if (missing.size === 0) all.resolve()
        },
        onEnd: ended.resolve,
        onGone: () => ended.resolve(),
      })
      await ended.promise
    },
    { membersOnly: false, isPublic: true, streamsMax: 64 },
  )
  const [address] = holder.addresses()
  const stream = await asker.open(address!, BITSWAP_PROTOCOL, { membersOnly: false })
  const carrier = new StreamCarrier(stream)
  carrier.start({ onBytes: () => {}, onEnd: () => {}, onGone: () => {} })
  for (const block of [...missing]) {
    carrier.write([wantlist(digestOf(block))])
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
  await all.promise
})
