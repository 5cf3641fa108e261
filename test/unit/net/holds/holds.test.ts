import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HolderNetwork, ownerOf } from './network-of-holders.ts'

test('a device holds what it is asked to hold, has it then, and both know it', async () => {
  const net = new HolderNetwork()
  const [mine, friend] = [net.add('mine', 'me'), net.add('friend', 'friend')]
  const blocks = Array.from({ length: 2500 }, (_, index) => mine.block(index, 100))
  const outcomes = await net.run(mine.holds.ask(friend.id, blocks))
  assert.deepEqual(new Set(outcomes.values()), new Set(['held']))
  assert.equal(outcomes.size, 2500)
  for (const { cid } of blocks) assert(friend.blocks.has(cid))
  assert.deepEqual(await mine.holds.holdersOf([blocks[0]!.cid]), [[friend.id]])
  assert.deepEqual(await friend.holds.lent(), new Map([[ownerOf('me'), 250_000]]))
  assert.deepEqual([friend.promisedTo(mine, blocks[7]!).length, mine.statusesOf(friend, blocks[7]!)], [1, ['held']])
  assert.deepEqual(new Set((await net.run(mine.holds.ask(friend.id, blocks))).values()), new Set(['held']))
  assert.equal(friend.promisedTo(mine, blocks[7]!).length, 1)
})

test('a copy is deleted once enough others hold it, and only then', async () => {
  const net = new HolderNetwork()
  const [mine, friend, other] = [net.add('mine', 'me', { replicas: 2 }), net.add('friend', 'a'), net.add('other', 'b')]
  const blocks = Array.from({ length: 5 }, (_, index) => mine.block(index))
  const cids = blocks.map(({ cid }) => cid)
  await net.run(mine.holds.ask(friend.id, blocks))
  assert.deepEqual(new Set((await net.run(mine.holds.evict(cids))).values()), new Set(['too-few-holders']))
  await net.run(mine.holds.ask(other.id, blocks))
  assert.deepEqual(new Set((await net.run(mine.holds.evict(cids))).values()), new Set(['evicted']))
  for (const block of blocks) {
    assert(!mine.blocks.has(block.cid) && friend.blocks.has(block.cid) && other.blocks.has(block.cid))
    assert.deepEqual([mine.statusesOf(friend, block), mine.statusesOf(other, block)], [['held'], ['held']])
    assert.equal(friend.promisedTo(mine, block).length, 1)
  }
})
