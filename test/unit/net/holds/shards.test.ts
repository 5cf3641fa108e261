import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cid } from '../../../../src/dfs.ts'
import { cidOfDigest, digestOfCid } from '../../../../src/format/cid.ts'
import { decodeHoldsMessage } from '../../../../src/format/hold-message.ts'
import type { BlockSize, ShardBytes } from '../../../../src/net/holds/hold-service.ts'
import { splitBlock } from '../../../../src/seal/shards.ts'
import { type Holder, HolderNetwork } from './network-of-holders.ts'

const REDUNDANCY = { data: 2, parity: 1 }

interface Sharded {
  readonly block: BlockSize
  readonly shards: readonly (BlockSize & { readonly content: Buffer })[]
}

/** A device that has a block, and friends of whom each holds a shard of it. Two copies are wanted: one friend may be lost. */
async function placed(seed = 'one') {
  const net = new HolderNetwork()
  const mine = net.add('mine', 'me', { replicas: 2 })
  const friends = ['a', 'b', 'c'].map((owner) => net.add(owner, owner))
  const sharded = shardsOn(mine, seed)
  await net.run(placeOn(friends, mine, sharded))
  return { net, mine, friends, ...sharded }
}

function shardsOn(mine: Holder, seed: string): Sharded {
  const block = mine.block(seed, 5000)
  const shards = splitBlock(mine.blocks.get(block.cid)!, REDUNDANCY).map(({ cid, bytes }, index) => {
    const shard = { ...REDUNDANCY, block: digestOfCid(block.cid), index }
    return { cid, bytes: bytes.length, content: bytes, shard }
  })
  return { block, shards }
}

const bytesOf = ({ cid, content }: Sharded['shards'][number]): ShardBytes => ({ cid, bytes: content })

async function placeOn(friends: readonly Holder[], mine: Holder, { shards }: Sharded): Promise<void> {
  await using _ = await mine.holds.shards.expose(shards.map(bytesOf))
  for (const [index, friend] of friends.entries()) {
    const outcomes = await mine.holds.ask(friend.id, [shards[index]!])
    assert.deepEqual([...outcomes.values()], ['held'])
  }
}

const evict = async (net: HolderNetwork, { holds }: Holder, cid: Cid) => (await net.run(holds.evict([cid]))).get(cid)

/** Of one message: what it says of which device's. */
function kindOf(message: Buffer): string {
  return decodeHoldsMessage(message.subarray(0)).kind
}

test('shards are on those who hold them, not here, and both sides know of which block they are', async () => {
  const { mine, friends, block, shards } = await placed()
  const [known] = await mine.holds.shards.of([block.cid])
  assert.deepEqual(
    known!.map(({ index, holders }) => [index, holders]).sort(),
    friends.map(({ id }, index) => [index, [id]]),
  )
  for (const [index, { cid }] of shards.entries()) {
    assert(!mine.blocks.has(cid))
    assert(friends[index]!.blocks.has(cid))
    assert.equal(mine.holds.shards.blockOf(cid), block.cid)
    const [here] = await friends[index]!.holds.shards.of([block.cid])
    assert.deepEqual(
      here!.map((shard) => shard.index),
      [index],
    )
  }
  assert.equal(mine.holds.shards.blockOf(block.cid), block.cid)
})

test('a copy is deleted once all of its shards are held, and only then', async () => {
  const { net, mine, friends, block, shards } = await placed()
  const other = shardsOn(mine, 'other')
  await net.run(placeOn(friends.slice(0, 2), mine, other))
  const outcomes = await net.run(mine.holds.evict([block.cid, other.block.cid]))
  assert.deepEqual([outcomes.get(block.cid), outcomes.get(other.block.cid)], ['evicted', 'too-few-holders'])
  assert(!mine.blocks.has(block.cid) && mine.blocks.has(other.block.cid))
  for (const [index, shard] of shards.entries()) {
    assert.deepEqual(mine.statusesOf(friends[index]!, shard), ['held'])
    assert.equal(friends[index]!.promisedTo(mine, shard).length, 1, 'the hold that was asked for in the end')
  }
})

test('a copy stays while one of its holders does not answer, or begins a new run while it is asked', async () => {
  const { net, mine, friends, block } = await placed()
  friends[1]!.isAway = true
  assert.equal(await evict(net, mine, block.cid), 'unreachable')
  friends[1]!.isAway = false
  net.delaysMs = (from, to, message) =>
    to === mine && from === friends[2] && kindOf(message) === 'hold' ? [5000] : [0]
  const evicting = mine.holds.evict([block.cid])
  await net.sleep(1000)
  await friends[2]!.restart()
  assert(await net.run(mine.holds.offerOf(friends[2]!.id)))
  assert.notEqual((await net.run(evicting)).get(block.cid), 'evicted')
  assert(mine.blocks.has(block.cid))
  net.delaysMs = () => [0]
  assert.equal(await evict(net, mine, block.cid), 'evicted')
})

test('a copy stays that was promised to somebody, or is in use', async () => {
  const { net, mine, friends, block } = await placed()
  assert.deepEqual([...(await net.run(friends[0]!.holds.ask(mine.id, [block]))).values()], ['held'])
  assert.equal(await evict(net, mine, block.cid), 'holding')
  await net.run(friends[0]!.holds.release([block.cid]))
  await net.sleep(1000)
  mine.run.pins.pin(block.cid)
  assert.equal(await evict(net, mine, block.cid), 'in-use')
  mine.run.pins.unpin(block.cid)
  assert.equal(await evict(net, mine, block.cid), 'evicted')
})

test('without the block, holders of shards are let go only once another holds the same', async () => {
  const { net, mine, friends, block, shards } = await placed()
  assert.equal(await evict(net, mine, block.cid), 'evicted')
  const late = net.add('late', 'late')
  friends[0]!.offerBytes = 0
  await friends[0]!.restart()
  const lost: Cid[] = []
  mine.holds.onHolderLost((_, cids) => void lost.push(...cids))
  await net.sleep(700_000)
  assert.deepEqual(lost, [shards[0]!.cid])
  assert.deepEqual(mine.statusesOf(friends[0]!, shards[0]!), ['leaving'])
  const exposed = await mine.holds.shards.expose([bytesOf(shards[0]!)])
  assert.deepEqual([...(await net.run(mine.holds.ask(late.id, [shards[0]!]))).values()], ['held'])
  await exposed[Symbol.asyncDispose]()
  await net.sleep(10_000)
  assert.deepEqual(mine.statusesOf(friends[0]!, shards[0]!), [])
  assert(late.blocks.has(shards[0]!.cid) && !friends[0]!.blocks.has(shards[0]!.cid))
})

test('what is exposed by two goes with the last, and what was promised meanwhile stays', async () => {
  const { net, mine, friends, shards } = await placed()
  const [first, second] = [
    await mine.holds.shards.expose([bytesOf(shards[0]!)]),
    await mine.holds.shards.expose([bytesOf(shards[0]!), bytesOf(shards[1]!)]),
  ]
  await first[Symbol.asyncDispose]()
  assert(mine.blocks.has(shards[0]!.cid))
  await net.run(friends[2]!.holds.ask(mine.id, [shards[1]!]))
  await second[Symbol.asyncDispose]()
  assert.deepEqual(
    shards.map(({ cid }) => mine.blocks.has(cid)),
    [false, true, false],
  )
})

test('who knows nothing finds the shards of its owner, and nobody else does', async () => {
  const { net, mine, friends, block, shards } = await placed()
  const [again, stranger] = [net.add('again', 'me'), net.add('stranger', 'stranger')]
  for (const asker of [again, stranger]) for (const friend of friends) asker.holds.memberUp(friend.id, true)
  const found = await net.run(again.holds.shards.find(block.cid))
  assert.deepEqual(found.map(({ digest }) => cidOfDigest(digest)).sort(), shards.map(({ cid }) => cid).sort())
  assert.deepEqual(await net.run(stranger.holds.shards.find(block.cid)), [])
  assert.deepEqual(await net.run(again.holds.shards.find(mine.block('another').cid)), [])
  friends[0]!.isAway = true
  await net.sleep(120_000)
  assert.equal((await net.run(again.holds.shards.find(block.cid))).length, 2)
})

test('who answers late is waited for, unless the others have enough', async () => {
  const { net, friends, block } = await placed()
  const found = async (late: readonly string[]) => {
    const asker = net.add(`asker ${late.length}`, 'me')
    for (const friend of friends) asker.holds.memberUp(friend.id, true)
    net.delaysMs = (from) => [late.includes(from.id) ? 8_000 + 1_000 * late.indexOf(from.id) : 0]
    const leaving = new AbortController()
    const left = asker.holds.shards.find(block.cid, leaving.signal)
    const shards = asker.holds.shards.find(block.cid)
    leaving.abort(new Error('left'))
    await assert.rejects(net.run(left), { message: 'left' })
    const beganMs = net.clock.now()
    return { count: (await net.run(shards)).length, ms: net.clock.now() - beganMs }
  }
  const [one, two] = friends.map(({ id }) => id)
  assert.deepEqual(await found([]), { count: 3, ms: 5 })
  assert.deepEqual(await found([one!]), { count: 2, ms: 3_005 })
  assert.deepEqual(await found([one!, two!]), { count: 2, ms: 8_005 })
})
