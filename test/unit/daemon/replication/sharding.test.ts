import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { HeadBlock } from '../../../../src/daemon/heads/head-keeper.ts'
import { Lenders } from '../../../../src/daemon/replication/lenders.ts'
import { Placer } from '../../../../src/daemon/replication/placing.ts'
import { PolicyPlacer } from '../../../../src/daemon/replication/policy-placer.ts'
import { ShardPlacer } from '../../../../src/daemon/replication/sharding.ts'
import { strengthsOf } from '../../../../src/daemon/replication/strengths.ts'
import type { Cid } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import { cidOfDigest } from '../../../../src/format/cid.ts'
import type { Redundancy } from '../../../../src/format/shard.ts'
import { digestOf } from '../../../../src/seal/hash.ts'
import { splitBlock } from '../../../../src/seal/shards.ts'
import { FakeHolds, FakeMembers, NEVER } from './support.ts'

const BYTES = 70_000
const SIX = ['a', 'b', 'c', 'd', 'e', 'f']
const owners = (devices: readonly string[]) =>
  Object.fromEntries(devices.map((device) => [device, `owner of ${device}`]))

function setUp(members = new FakeMembers(owners(SIX)), redundancy: Redundancy | undefined = { data: 4, parity: 2 }) {
  const holds = new FakeHolds(members)
  for (const device of members.others) holds.free.set(device, 1e9)
  const lenders = new Lenders({
    others: () => members.others,
    offerOf: (device) => holds.offerOf(device),
    nowMs: () => 0,
  })
  const contents = new Map<Cid, Buffer>()
  const [read, holders] = [[] as Cid[], new Set<string>()]
  const options = {
    holds,
    lenders,
    members,
    replicas: () => (redundancy === undefined ? 2 : redundancy.parity + 1),
    pace: async () => undefined,
    onHeld: () => undefined,
    onHolder: (holder: string) => holders.add(holder),
  }
  const placer = new PolicyPlacer({
    ...options,
    redundancy: () => redundancy,
    copies: new Placer(options),
    shards: new ShardPlacer({
      ...options,
      read: async ({ cid }) => {
        read.push(cid)
        const content = contents.get(cid)
        if (content === undefined) throw new DfsError('unreachable', 'nobody has it')
        return content
      },
      split: async (block, how) => splitBlock(block, how),
    }),
  })
  const block = (seed: number, kind: HeadBlock['kind'] = 'data', bytes = BYTES): HeadBlock => {
    const content = Buffer.concat(Array.from({ length: bytes / 32 }, (_, at) => hash(`${seed} ${at}`)))
    const cid = cidOfDigest(digestOf(content))
    contents.set(cid, content)
    return { cid, bytes: content.length, kind }
  }
  const strength = async ({ cid }: HeadBlock) => (await strengthsOf([cid], { holds, members, enough: 99 }))[0]
  return { members, holds, lenders, placer, block, contents, read, holders, strength }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate()
}

/** All that can be done without an answer is done then. */
async function eventsPass(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await setImmediate()
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

describe('placing blocks in shards', () => {
  it('gives each shard of a block to a device of its own, and nothing is left here', async () => {
    const { holds, placer, block, holders, strength } = setUp()
    const blocks = [1, 2, 3].map((seed) => block(seed))
    assert.deepEqual(await placer.place(blocks, NEVER), { blocks: 0, bytes: 0 })
    for (const one of blocks) {
      const shards = holds.shardsOfBlock(one.cid)
      assert.deepEqual(
        shards.map(({ index }) => index),
        [0, 1, 2, 3, 4, 5],
      )
      assert.deepEqual(shards.flatMap(({ holders }) => holders).sort(), SIX)
      assert.equal(await strength(one), 3)
      assert.deepEqual(holds.holdersOfBlock(one), [], 'no copy')
    }
    assert.deepEqual([...holders].sort(), SIX)
    assert.equal(holds.exposed.size, 0)
    assert.equal(holds.asked.length, 6, 'each was asked once for all')
  })

  it('leaves alone what is safe, and reads nothing for it', async () => {
    const { holds, placer, block, read, holders } = setUp()
    const [split, copied] = [block(1), block(2)]
    await placer.place([split], NEVER)
    for (const holder of ['a', 'b', 'c']) holds.ledger.set(copied.cid, new Set(['a', 'b', holder]))
    holds.asked.length = read.length = 0
    holders.clear()
    assert.deepEqual(await placer.place([split, copied], NEVER), { blocks: 0, bytes: 0 })
    assert.deepEqual([holds.asked, read], [[], []])
    assert.equal(holders.size, 6, 'holders are told of all the same')
  })

  it('keeps nodes and short blocks as copies, as many as are worth the same', async () => {
    const { holds, placer, block } = setUp()
    const [node, short] = [block(1, 'node'), block(2, 'data', 20_000)]
    await placer.place([node, short], NEVER)
    for (const one of [node, short]) {
      assert.equal(holds.holdersOfBlock(one).length, 3)
      assert.deepEqual(holds.shardsOfBlock(one.cid), [])
    }
  })

  it('takes the next device where one refuses', async () => {
    const { holds, placer, block } = setUp(new FakeMembers(owners([...SIX, 'g'])))
    holds.answer = (holder) => (holder === 'b' ? 'too-many' : undefined)
    const one = block(1)
    assert.deepEqual(await placer.place([one], NEVER), { blocks: 0, bytes: 0 })
    const held = holds.shardsOfBlock(one.cid).flatMap(({ holders }) => holders)
    assert.deepEqual(held.sort(), ['a', 'c', 'd', 'e', 'f', 'g'])
  })

  it('places a block that comes twice at once as if it came once, also when who lends has changed in between', async () => {
    const { holds, members, lenders, placer, block, strength } = setUp()
    const split = Array.from({ length: 8 }, (_, seed) => block(seed))
    const copied = Array.from({ length: 8 }, (_, seed) => block(100 + seed, 'node'))
    const answered = Promise.withResolvers<void>()
    holds.gate = answered.promise
    const first = placer.place([...copied, ...split], NEVER)
    await until(() => holds.asked.length > 0)
    members.owners.set('g', 'owner of g')
    holds.free.set('g', 1e9)
    await lenders.candidates(NEVER)
    const second = placer.place([...split, ...copied], NEVER)
    await eventsPass()
    answered.resolve()
    for (const placed of await Promise.all([first, second])) assert.deepEqual(placed, { blocks: 0, bytes: 0 })
    for (const one of split) {
      const holders = holds.shardsOfBlock(one.cid).flatMap(({ holders }) => holders)
      assert.equal(holders.length, 6, `${holders} hold six shards`)
      assert.equal(await strength(one), 3)
    }
    for (const one of copied) assert.equal(holds.holdersOfBlock(one).length, 3)
  })

  it('places what there is room for, if that gives the block back, and says what is missing', async () => {
    const { holds, placer, block, strength } = setUp(new FakeMembers(owners(SIX.slice(0, 5))))
    const one = block(1)
    assert.deepEqual(await placer.place([one], NEVER), { blocks: 1, bytes: one.bytes })
    assert.equal(await strength(one), 2)
    assert.equal(holds.exposed.size, 0)
  })

  it('makes nothing where too few devices can hold shards; those of one friend are one', async () => {
    const friends = { ...owners(['a', 'b', 'c']), d: 'owner of c', e: 'owner of c', f: 'owner of c' }
    const { holds, placer, block, read } = setUp(new FakeMembers(friends))
    const one = block(1)
    assert.deepEqual(await placer.place([one], NEVER), { blocks: 1, bytes: one.bytes })
    assert.deepEqual([holds.asked, read], [[], []])
  })

  it('makes a lost shard anew, and only that is moved', async () => {
    const { holds, members, placer, block, strength } = setUp(new FakeMembers(owners([...SIX, 'g'])))
    const one = block(1)
    await placer.place([one], NEVER)
    const before = holds.shardsOfBlock(one.cid)
    const [lost] = before[2]!.holders
    holds.lose(lost!)
    members.owners.delete(lost!)
    assert.equal(await strength(one), 2)
    holds.asked.length = 0
    assert.deepEqual(await placer.place([one], NEVER), { blocks: 0, bytes: 0 })
    const after = holds.shardsOfBlock(one.cid)
    assert.deepEqual(
      holds.asked.map(({ cids }) => cids),
      [[before[2]!.cid]],
    )
    assert.deepEqual(
      after.map(({ cid }) => cid),
      before.map(({ cid }) => cid),
    )
    assert.equal(await strength(one), 3)
  })

  it('goes on with the others where a block cannot be had', async () => {
    const { placer, block, contents, strength } = setUp()
    const [lost, fine] = [block(1), block(2)]
    contents.delete(lost.cid)
    assert.deepEqual(await placer.place([lost, fine], NEVER), { blocks: 1, bytes: lost.bytes })
    assert.equal(await strength(fine), 3)
  })

  it('copies no block that is safe in shards, when copies are wanted again', async () => {
    const inShards = setUp()
    const one = inShards.block(1)
    await inShards.placer.place([one], NEVER)
    const { holds, members, lenders } = inShards
    const replicas = () => 3
    const copies = new Placer({ ...placing(inShards), replicas })
    const nobody = { place: () => assert.fail('no shards are wanted') }
    const placer = new PolicyPlacer({
      holds,
      members,
      copies,
      shards: nobody,
      redundancy: () => undefined,
      replicas,
      onHolder: () => undefined,
    })
    assert.ok(lenders.hasOthers)
    assert.deepEqual(await placer.place([one], NEVER), { blocks: 0, bytes: 0 })
    assert.deepEqual(holds.holdersOfBlock(one), [])
  })
})

function placing({ holds, lenders, members }: ReturnType<typeof setUp>) {
  const nothing = () => undefined
  return { holds, lenders, members, pace: async () => undefined, onHeld: nothing, onHolder: nothing }
}
