import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { HeadGiver } from '../../../../src/daemon/replication/head-giver.ts'
import { Lenders } from '../../../../src/daemon/replication/lenders.ts'
import { Placer } from '../../../../src/daemon/replication/placing.ts'
import { Replicator, type ReplicatorTimes } from '../../../../src/daemon/replication/replicator.ts'
import { DfsError } from '../../../../src/errors.ts'
import type { BlockSize } from '../../../../src/net/holds/hold-service.ts'
import { until } from '../../../e2e/support/process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { blockOf, blocksOf, FakeHeads, FakeHolds, FakeMembers } from './support.ts'

const FAST: ReplicatorTimes = { headMs: 60_000, searchMsMin: 5, searchMsMax: 20 }

class Bench {
  readonly members = new FakeMembers({ desktop: 'me', friend: 'them' })
  readonly holds = new FakeHolds(this.members)
  readonly heads = new FakeHeads()
  readonly stateFile: string
  readonly setting = { replicas: 2 }
  isOnline = true
  readonly #started: Replicator[] = []

  constructor(t: TestContext) {
    t.after(async () => {
      for (const replicator of this.#started) await replicator[Symbol.asyncDispose]()
    })
    this.stateFile = path.join(temporaryDirectory(t), 'replicated')
    for (const device of this.members.others) this.holds.free.set(device, 1e9)
  }

  async start(times: Partial<ReplicatorTimes> = FAST): Promise<Replicator> {
    const { holds, heads, members, stateFile } = this
    const replicas = () => this.setting.replicas
    const lenders = new Lenders({
      others: () => (this.isOnline ? members.others : []),
      offerOf: (device) => holds.offerOf(device),
    })
    const giver = new HeadGiver({ heads, lenders, members, replicas })
    const placer = new Placer({
      holds,
      lenders,
      members,
      replicas,
      pace: async () => {},
      onHeld: () => {},
      onHolder: (device) => giver.noteHolder(device),
    })
    const replicator = await Replicator.open({ heads, holds, placer, lenders, giver, replicas, stateFile, times })
    this.#started.push(replicator)
    return replicator
  }

  arePlaced(blocks: readonly BlockSize[]): boolean {
    return blocks.every((block) => this.holds.holdersOfBlock(block).length === 2)
  }

  done(replicator: Replicator): Promise<void> {
    return until('all is placed', () => replicator.isDone)
  }
}

describe('replication', () => {
  it('places what a head adds, and gives the head to who holds it', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    const replicator = await bench.start()
    const blocks = blocksOf(1500)
    await heads.make(blocks)
    assert.ok(bench.arePlaced(blocks))
    assert.deepEqual(heads.given.map(([holder]) => holder).sort(), ['desktop', 'friend'])
    await bench.done(replicator)
    holds.asked.length = 0
    await heads.make([blockOf(5000)])
    assert.equal(replicator.isDone, true)
    assert.deepEqual(
      holds.asked.flatMap(({ cids }) => cids),
      [blockOf(5000).cid, blockOf(5000).cid],
    )
    assert.equal(heads.given.length, 2, 'later heads follow by themselves')
  })

  it('gives the head also where nothing is in blocks', async (t) => {
    const bench = new Bench(t)
    const replicator = await bench.start()
    await bench.heads.make()
    await bench.done(replicator)
    assert.deepEqual(bench.heads.given.map(([holder]) => holder).sort(), ['desktop', 'friend'])
  })

  it('does not look at everything again when it starts where it was done, unless more is wanted', async (t) => {
    const bench = new Bench(t)
    const { heads } = bench
    const first = await bench.start()
    await heads.make(blocksOf(10))
    await bench.done(first)
    await first[Symbol.asyncDispose]()
    heads.searches = 0
    const second = await bench.start()
    assert.equal(second.isDone, true)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(heads.searches, 0)
    bench.members.owners.set('nas', 'me')
    bench.holds.free.set('nas', 1e9)
    bench.setting.replicas = 3
    await until('three hold each', () => blocksOf(10).every((block) => bench.holds.holdersOfBlock(block).length === 3))
    await bench.done(second)
  })

  it('finds what an earlier run left, also if its file is lost', async (t) => {
    const bench = new Bench(t)
    const { heads } = bench
    const first = await bench.start()
    await heads.make(blocksOf(10))
    await bench.done(first)
    await first[Symbol.asyncDispose]()
    await heads.make(blocksOf(20)) // Nobody hears of it.
    const second = await bench.start()
    assert.equal(second.isDone, false)
    await bench.done(second)
    assert.ok(bench.arePlaced(blocksOf(20)))
    await second[Symbol.asyncDispose]()
    writeFileSync(bench.stateFile, 'damaged')
    await bench.done(await bench.start())
  })

  it('finds what lost a holder in an earlier run that came to no end of it', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    const first = await bench.start()
    await heads.make(blocksOf(10))
    await bench.done(first)
    const [free] = [holds.free.get('friend')!]
    for (const holder of holds.free.keys()) holds.free.set(holder, 0)
    holds.lose('friend')
    await first[Symbol.asyncDispose]()
    assert.ok(!bench.arePlaced(blocksOf(10)))
    for (const holder of holds.free.keys()) holds.free.set(holder, free)
    const second = await bench.start()
    assert.equal(second.isDone, false)
    await bench.done(second)
    assert.ok(bench.arePlaced(blocksOf(10)))
  })

  it('waits for devices that lend, and says what is missing', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    const blocks = blocksOf(10)
    holds.free.delete('friend')
    heads.unreachable.add('friend')
    const replicator = await bench.start()
    await heads.make(blocks)
    assert.deepEqual([replicator.isDone, replicator.missing], [false, { blocks: 10, bytes: 10_000 }])
    assert.deepEqual(holds.holdersOfBlock(blocks[0]!), ['desktop'])
    assert.deepEqual(heads.given, [['desktop', 1]], 'one device from which all comes back is better than none')
    holds.free.set('friend', 1e9)
    heads.unreachable.clear()
    replicator.noteMember('friend')
    await bench.done(replicator)
    assert.ok(bench.arePlaced(blocks))
    assert.equal(replicator.missing.blocks, 0)
  })

  it('looks again at once for who came while it waited for another, however long that took', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    const never = { ...FAST, searchMsMin: 600_000, searchMsMax: 600_000 }
    heads.current = { label: { incarnation: 1, sequence: 1 } }
    heads.all = blocksOf(10)
    holds.free.delete('friend')
    const gate = Promise.withResolvers<void>()
    holds.gate = gate.promise
    const replicator = await bench.start(never)
    replicator.wake()
    await until('another is asked', () => holds.asked.length > 0)
    holds.free.set('friend', 1e9)
    replicator.noteMember('friend')
    setTimeout(gate.resolve, 2_000)
    await until('all is placed', () => replicator.isDone, 15_000)
    assert.ok(bench.arePlaced(heads.all))
  })

  it('is not done before the head is where the blocks are', async (t) => {
    const bench = new Bench(t)
    const { heads } = bench
    heads.unreachable.add('friend')
    const replicator = await bench.start()
    await heads.make(blocksOf(10))
    assert.ok(bench.arePlaced(blocksOf(10)))
    assert.equal(replicator.isDone, false)
    heads.unreachable.clear()
    replicator.noteMember('friend')
    await bench.done(replicator)
  })

  it('places anew what a device keeps no more', async (t) => {
    const bench = new Bench(t)
    const { heads, holds, members } = bench
    const replicator = await bench.start()
    await heads.make(blocksOf(30))
    await bench.done(replicator)
    members.owners.set('nas', 'me')
    holds.free.set('nas', 1e9)
    members.owners.delete('desktop')
    holds.lose('desktop')
    assert.equal(replicator.isDone, false)
    await bench.done(replicator)
    for (const block of blocksOf(30)) assert.deepEqual(holds.holdersOfBlock(block), ['friend', 'nas'])
    assert.ok(heads.given.some(([holder]) => holder === 'nas'))
  })

  it('gives the head anew to a device that took its word back, and holds something again', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    const replicator = await bench.start()
    await heads.make(blocksOf(3))
    await bench.done(replicator)
    heads.given.length = 0
    holds.lose('desktop')
    await bench.done(replicator)
    assert.ok(bench.arePlaced(blocksOf(3)))
    assert.deepEqual(heads.given, [['desktop', 1]])
  })

  it('lets the next head come while a long one is placed, and forgets nothing of it', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    const gate = Promise.withResolvers<void>()
    holds.gate = gate.promise
    const replicator = await bench.start({ ...FAST, headMs: 20 })
    const first = heads.make(blocksOf(2000))
    await new Promise((resolve) => setTimeout(resolve, 60))
    holds.gate = undefined
    gate.resolve()
    await first
    const small = blockOf(9999)
    await heads.make([small])
    await bench.done(replicator)
    assert.ok(bench.arePlaced([small, ...blocksOf(2000)]))
  })

  it('survives a failing ledger, and goes on later', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    const replicator = await bench.start()
    const holdersOf = holds.holdersOf.bind(holds)
    let failures = 3
    holds.holdersOf = (cids) =>
      failures-- > 0 ? Promise.reject(new DfsError('io', 'the ledger fails')) : holdersOf(cids)
    await heads.make(blocksOf(10))
    await bench.done(replicator)
    assert.ok(bench.arePlaced(blocksOf(10)))
  })

  it('does nothing where nothing is wanted, and where nobody is', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    bench.setting.replicas = 0
    const replicator = await bench.start()
    await heads.make(blocksOf(10))
    assert.equal(replicator.isDone, true)
    bench.setting.replicas = 2
    bench.isOnline = false
    await heads.make([blockOf(77)])
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual([holds.asked, heads.searches, replicator.isDone], [[], 0, false])
    bench.isOnline = true
    replicator.noteMember('desktop')
    await bench.done(replicator)
    assert.ok(bench.arePlaced([...blocksOf(10), blockOf(77)]))
  })

  it('takes turns: what is new does not wait for the end of a long search', async (t) => {
    const bench = new Bench(t)
    const { heads, holds } = bench
    heads.current = { label: { incarnation: 1, sequence: 1 } }
    heads.all = blocksOf(6000)
    let isNewPlaced = false
    let afterNew = 0
    holds.answer = (_, { cid }) => {
      if (cid === blockOf(99_999).cid) isNewPlaced = true
      else if (isNewPlaced) afterNew++
      return undefined
    }
    const replicator = await bench.start()
    await until('the search has begun', () => holds.asked.length > 2)
    await heads.make([blockOf(99_999)])
    await bench.done(replicator)
    assert.ok(afterNew > 1000, `${afterNew} blocks came after the new one`)
  })
})
