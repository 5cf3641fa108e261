import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cid } from '../../../../src/dfs.ts'
import { cidOfDigest, digestOfCid } from '../../../../src/format/cid.ts'
import { decodeHoldsMessage, encodeHoldsMessage } from '../../../../src/format/hold-message.ts'
import type { BlockSize } from '../../../../src/net/holds/hold-service.ts'
import { PIECE_BLOCKS } from '../../../../src/net/holds/pieces.ts'
import { makeProof } from '../../../../src/seal/storage-proof.ts'
import { type Holder, HolderNetwork } from './network-of-holders.ts'

/** `mine` has blocks that `friend` holds. */
async function lent(count: number, bytes = 5000) {
  const net = new HolderNetwork()
  const [mine, friend] = [net.add('mine', 'me'), net.add('friend', 'friend')]
  const blocks = Array.from({ length: count }, (_, index) => mine.block(index, bytes))
  await net.run(mine.holds.ask(friend.id, blocks))
  const lost: Cid[] = []
  mine.holds.onHolderLost((holder, cids) => {
    assert.equal(holder, friend.id)
    lost.push(...cids)
  })
  return { net, mine, friend, blocks, cids: blocks.map(({ cid }) => cid), lost }
}

test('who has what it promised proves it', async () => {
  const { net, mine, friend, cids, lost } = await lent(150)
  const outcomes = await net.run(mine.holds.audits.audit(friend.id, [...cids, ...cids]))
  assert.deepEqual(counted(outcomes), { good: 150 })
  assert.deepEqual([friend.run.proven, lost], [150, []])
  assert.deepEqual(await mine.holds.audits.holders(), [friend.id])
})

test('a hold without its block counts no more, and the holder says so and gets it again', async () => {
  const { net, mine, friend, blocks, cids, lost } = await lent(20)
  const [gone, damaged, unknown] = [blocks[3]!, blocks[7]!, blocks[9]!]
  friend.blocks.delete(gone.cid)
  friend.blocks.get(damaged.cid)![4321]! ^= 1
  friend.ledger.take(new Map([[unknown.cid, undefined]]))
  const outcomes = await net.run(mine.holds.audits.audit(friend.id, cids))
  assert.deepEqual(counted(outcomes), { good: 17, failed: 3 })
  const three = [gone, damaged, unknown]
  assert.deepEqual(new Set(lost), new Set(three.map(({ cid }) => cid)))
  for (const block of three) {
    assert.equal(outcomes.get(block.cid), 'failed')
    assert.deepEqual(mine.statusesOf(friend, block), ['leaving'])
  }
  assert.deepEqual(await mine.holds.holdersOf([gone.cid, blocks[0]!.cid]), [[], [friend.id]])
  assert.deepEqual([...(await net.run(mine.holds.evict([gone.cid]))).values()], ['too-few-holders'])
  // It had them fetched, and is bound still: asked anew, it holds them at once.
  await net.sleep(1000)
  for (const { cid } of [gone, damaged]) assert.deepEqual(friend.blocks.get(cid), mine.blocks.get(cid))
  const fetched = friend.run.fetched
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, [gone, damaged]))), { held: 2 })
  assert.equal(friend.run.fetched, fetched)
  assert.deepEqual(counted(await net.run(mine.holds.audits.audit(friend.id, cids))), { good: 19, failed: 1 })
})

test('a proof of other bytes, of the wrong slice or of none fails', async () => {
  const { net, mine, friend, cids } = await lent(4)
  const forged = [
    (proof: Buffer) => proof.fill('x', 500, 501),
    () => Buffer.alloc(0),
    (proof: Buffer) => proof.subarray(0, -1),
  ]
  let at = 0
  friend.forge = (challenge, block) => (at < forged.length ? forged[at++]!(makeProof(challenge, block!)) : undefined)
  const outcomes = await net.run(mine.holds.audits.audit(friend.id, cids))
  assert.deepEqual(counted(outcomes), { good: 1, failed: 3 })
})

test('silence is no failure; who is away is known to be at once', async () => {
  const { net, mine, friend, cids, lost } = await lent(200)
  friend.isAway = true
  assert.deepEqual(counted(await net.run(mine.holds.audits.audit(friend.id, cids))), { unreachable: 200 })
  assert.equal(net.clock.now(), 0)
  friend.isAway = false
  let challenges = 0
  net.delaysMs = (_, to, message) => {
    if (to === friend && kindOfMessage(message) === 'challenge') challenges++
    return to === friend ? [0] : []
  }
  assert.deepEqual(counted(await net.run(mine.holds.audits.audit(friend.id, cids))), { unreachable: 200 })
  assert.equal(challenges, 1, 'who is silent is not asked on and on')
  assert.deepEqual(lost, [])
  assert.deepEqual(mine.statusesOf(friend, { cid: cids[0]!, bytes: 0 }), ['held'])
})

test('an audit that is given up ends at once; what was released meanwhile nobody needs to have', async () => {
  const { net, mine, friend, cids, lost } = await lent(3)
  const ending = new AbortController()
  net.delaysMs = (from) => (from === friend ? [1000] : [0])
  const audit = mine.holds.audits.audit(friend.id, cids, ending.signal)
  await net.sleep(500)
  ending.abort()
  await assert.rejects(net.run(audit), { kind: 'aborted' })
  net.delaysMs = (from, _, message) => (from === friend && kindOfMessage(message) === 'proof' ? [3000] : [0])
  const other = mine.holds.audits.audit(friend.id, cids)
  await net.sleep(10)
  friend.ledger.take(new Map([[cids[0]!, undefined]]))
  const late = mine.holds.audits.audit(friend.id, cids)
  await net.run(mine.holds.release([cids[0]!]))
  assert.deepEqual(counted(await net.run(other)), { good: 3 })
  assert.deepEqual(counted(await net.run(late)), { good: 2 })
  assert.deepEqual(lost, [])
})

test('a device proves to nobody but the owner of the blocks, and only what it promised', async () => {
  const { net, mine, friend, blocks } = await lent(2)
  const stranger = net.add('stranger', 'stranger')
  const other = net.add('other device of mine', 'me')
  const kept = friend.block('its own')
  const said = new Map<Holder, string[]>()
  net.delaysMs = (_, to, bytes) => {
    const message = decodeHoldsMessage(Buffer.from(bytes))
    if (message.kind !== 'proof') return [0]
    const answers = message.answers.map((answer) => ('proof' in answer ? 'proof' : answer.reason))
    said.set(to, [...(said.get(to) ?? []), ...answers])
    return [0]
  }
  for (const from of [mine, other, stranger]) await friend.holds.receive(from.id, challengeOf([...blocks, kept]))
  await net.sleep(100)
  assert.deepEqual(said.get(mine)!.sort(), ['no-such-hold', 'proof', 'proof'])
  assert.deepEqual(said.get(other)!.sort(), ['no-such-hold', 'proof', 'proof'])
  assert.deepEqual(said.get(stranger), ['no-such-hold', 'no-such-hold', 'no-such-hold'])
  assert.equal(friend.run.proven, 4)
})

test('who asks for proofs without end has few made, and keeps others waiting for one at most', async () => {
  const { net, mine, friend, cids, blocks } = await lent(60)
  const flooding = net.add('flooding', 'flooding')
  const own = Array.from({ length: 60 }, (_, index) => flooding.block(`its ${index}`))
  await net.run(flooding.holds.ask(friend.id, own))
  const order: string[] = []
  let atOnce = 0
  friend.slowly = async (challenge) => {
    assert.equal(++atOnce, 1)
    order.push(blocks.some(({ cid }) => cid === challenge.cid) ? 'mine' : 'flooding')
    await new Promise<void>((resolve) => void net.clock.after(10, resolve))
    atOnce--
  }
  const unavailable: string[] = []
  net.delaysMs = (_, to, bytes) => {
    const message = decodeHoldsMessage(Buffer.from(bytes))
    if (to === flooding && message.kind === 'proof') {
      for (const answer of message.answers) if ('reason' in answer) unavailable.push(answer.reason)
    }
    return [0]
  }
  for (let message = 0; message < 100; message++) await friend.holds.receive(flooding.id, challengeOf(own))
  assert.deepEqual(counted(await net.run(mine.holds.audits.audit(friend.id, cids))), { good: 60 })
  assert(order.filter((who) => who === 'flooding').length <= 61, order.join(' '))
  // Each proof is followed by a rest of three times as long.
  assert(net.clock.now() >= order.length * 40 - 40, `${order.length} proofs in ${net.clock.now()} ms`)
  assert.deepEqual(new Set(unavailable), new Set(['unavailable']))
  assert.equal(unavailable.length, 92 * 60)
})

test('blocks are drawn at random, and how many there are is about known, however many', async () => {
  const net = new HolderNetwork()
  const [mine, friend] = [net.add('mine', 'me'), net.add('friend', 'friend')]
  const keys = { holder: Buffer.from(friend.key.publicKey), nonce: Buffer.alloc(16), status: 'held' } as const
  const sizes = Array.from({ length: 6000 }, (_, index) => mine.block(index, 1000 + (index % 3) * 500))
  mine.ledger.take(
    new Map(
      sizes.map(({ cid, bytes }) => [
        cid,
        { sealedBytes: bytes, evicting: false, foreign: false, promises: [], holds: [keys] },
      ]),
    ),
  )
  const drawn = new Map<Cid, number>()
  let [blocks, bytes] = [0, 0]
  const rounds = 30
  for (let round = 0; round < rounds; round++) {
    const sample = await mine.holds.audits.sample(friend.id, 10)
    assert(sample.cids.length > 8 && sample.cids.length <= 10)
    for (const cid of sample.cids) drawn.set(cid, (drawn.get(cid) ?? 0) + 1)
    blocks += sample.blocks / rounds
    bytes += sample.bytes / rounds
  }
  assert(blocks > 5400 && blocks < 6600, `${blocks} blocks`)
  assert(bytes > 8e6 && bytes < 10e6, `${bytes} bytes`)
  assert(drawn.size > 260, `${drawn.size} distinct`)
  // Of a few, all are known.
  mine.ledger.take(new Map(sizes.slice(50).map(({ cid }) => [cid, undefined])))
  const few = await mine.holds.audits.sample(friend.id, 100)
  assert.deepEqual([few.blocks, few.bytes, new Set(few.cids).size], [50, 74_500, 50])
  assert.equal((await mine.holds.audits.sample(friend.id, 7)).cids.length, 7)
})

test('a holder that is doubted counts for nothing, and is let go once others hold the same', async () => {
  const { net, mine, friend, blocks, cids, lost } = await lent(PIECE_BLOCKS + 10)
  await net.run(mine.holds.evict(cids.slice(0, 5)))
  await net.run(mine.holds.audits.doubt(friend.id))
  assert.deepEqual(new Set(lost), new Set(cids))
  assert.deepEqual(new Set((await mine.holds.holdersOf(cids)).flat()), new Set())
  assert.equal(friend.promisedTo(mine, blocks[0]!).length, 1, 'it is bound still')
  const other = net.add('other', 'other')
  friend.isAway = true
  // What is evicted here can come from nobody else yet.
  const outcomes = await net.run(mine.holds.ask(other.id, blocks))
  assert.deepEqual(counted(outcomes), { held: cids.length - 5, 'no-block': 5 })
  assert.deepEqual(mine.statusesOf(friend, blocks[7]!), ['releasing'])
  friend.isAway = false
  mine.holds.memberUp(friend.id, true)
  await net.sleep(1000)
  assert.deepEqual([friend.promisedTo(mine, blocks[7]!), mine.statusesOf(friend, blocks[7]!)], [[], []])
  assert.deepEqual(counted(await net.run(mine.holds.ask(other.id, blocks.slice(0, 5)))), { held: 5 })
  await net.sleep(1000)
  for (const block of blocks) assert.deepEqual(mine.statusesOf(friend, block), [])
})

test('nothing is deleted on the word of who did not prove itself', async () => {
  const { net, mine, friend, cids } = await lent(3)
  mine.unproven.add(friend.id)
  assert.deepEqual(counted(await net.run(mine.holds.evict(cids))), { 'too-few-holders': 3 })
  mine.unproven.delete(friend.id)
  net.delaysMs = (from, _, message) => (from === friend && kindOfMessage(message) === 'hold' ? [2000] : [0])
  const evicting = mine.holds.evict(cids)
  await net.sleep(1000)
  mine.unproven.add(friend.id)
  const outcomes = counted(await net.run(evicting))
  assert.equal(outcomes.evicted, undefined, 'it failed while it was asked')
  assert(cids.every((cid) => mine.blocks.has(cid)))
})

function challengeOf(blocks: readonly BlockSize[]): Buffer {
  const digests = blocks.map(({ cid, bytes }) => ({ digest: digestOfCid(cid), bytes }))
  digests.sort((one, other) => Buffer.compare(one.digest, other.digest))
  const challenges = digests.map(({ digest, bytes }) => ({ cid: cidOfDigest(digest), blockBytes: bytes, slices: [0] }))
  return encodeHoldsMessage({
    kind: 'challenge',
    incarnation: Buffer.alloc(8),
    nonce: Buffer.alloc(16, 9),
    challenges,
  })
}

function counted(outcomes: ReadonlyMap<Cid, string>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes.values()) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

function kindOfMessage(message: Buffer): string {
  return decodeHoldsMessage(Buffer.from(message)).kind
}
