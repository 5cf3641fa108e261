import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { OldestBlocks, type UsedBlock } from '../../../../src/daemon/replication/oldest-blocks.ts'
import { QuotaKeeper } from '../../../../src/daemon/replication/quota-keeper.ts'
import type { Cid } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import { digestOfCid } from '../../../../src/format/cid.ts'
import { DigestSet } from '../../../../src/store/digest-set.ts'
import { until } from '../../../e2e/support/process.ts'
import { blockOf, FakeHolds, FakeMembers, NEVER, streamOf } from './support.ts'

function digestsOf(cids: Iterable<Cid>): DigestSet {
  const digests = new DigestSet()
  for (const cid of cids) digests.add(digestOfCid(cid))
  return digests
}

/** A store of blocks of 1,000 bytes, the first used longest ago; all of files, and safe on two other devices. */
function setUp({ count = 100, quotaBytes = 50_000 } = {}) {
  const holds = new FakeHolds(new FakeMembers({ desktop: 'me', friend: 'them' }))
  const blocks = new Map<Cid, UsedBlock>()
  const cids: Cid[] = []
  for (let seed = 0; seed < count; seed++) {
    const block = { ...blockOf(seed), usedMs: seed }
    cids.push(block.cid)
    blocks.set(block.cid, block)
    holds.ledger.set(block.cid, new Set(['desktop', 'friend']))
  }
  const evict = holds.evict.bind(holds)
  holds.evict = async (asked) => {
    const outcomes = await evict(asked)
    for (const [cid, outcome] of outcomes) if (outcome === 'evicted') blocks.delete(cid)
    return outcomes
  }
  const setting = { quotaBytes, replicas: 2 }
  const data = { pinned: [] as Cid[], others: cids, failure: undefined as unknown }
  const keeper = new QuotaKeeper({
    quotaBytes: () => setting.quotaBytes,
    replicas: () => setting.replicas,
    // In no order, as a store has them.
    store: { list: () => streamOf([...blocks.values()].toSorted((a, b) => a.cid.localeCompare(b.cid))) },
    holds,
    members: holds.members,
    dataBlocks: async () => {
      if (data.failure !== undefined) throw data.failure
      return { pinned: digestsOf(data.pinned), others: digestsOf(data.others) }
    },
    everyMs: 1e9,
  })
  return { holds, blocks, cids, keeper, setting, data }
}

describe('the local quota', () => {
  it('lets go of what was not used for longest, and a little more than it has to', async () => {
    const { holds, cids, keeper } = setUp()
    assert.equal(await keeper.run(), 53_000)
    assert.deepEqual(holds.evicted, cids.slice(0, 53))
    assert.equal(await keeper.run(), 0)
  })

  it('does nothing below it, or without one', async () => {
    const { holds, keeper, setting } = setUp({ quotaBytes: 100_000 })
    assert.equal(await keeper.run(), 0)
    setting.quotaBytes = 0
    assert.equal(await keeper.run(), 0)
    assert.deepEqual(holds.evicted, [])
  })

  it('never touches what is pinned, no data of a file, or not safe', async () => {
    const { holds, cids, keeper, data } = setUp()
    data.pinned = cids.slice(0, 10)
    data.others = [...cids.slice(0, 20), ...cids.slice(30)]
    for (const cid of cids.slice(40, 60)) holds.ledger.set(cid, new Set(['desktop']))
    await keeper.run()
    const mayGo = [...cids.slice(10, 20), ...cids.slice(30, 40), ...cids.slice(60)]
    assert.deepEqual(holds.evicted, mayGo.slice(0, 53))
  })

  it('does not count what is held for others', async () => {
    const { holds, keeper } = setUp()
    holds.lentBytes.set('them', 45_000)
    assert.equal(await keeper.run(), 8_000)
  })

  it('gives up when nothing more may go, and goes on when it may', async () => {
    const { holds, cids, keeper } = setUp()
    for (const cid of cids.slice(5)) holds.ledger.set(cid, new Set())
    assert.equal(await keeper.run(), 5000)
    assert.equal(await keeper.run(), 0)
    for (const cid of cids) holds.ledger.set(cid, new Set(['desktop', 'friend']))
    assert.equal(await keeper.run(), 48_000)
  })

  it('gives up where the holders do not agree', async () => {
    const { holds, keeper } = setUp()
    holds.replicas = 3
    assert.equal(await keeper.run(), 0)
  })

  it('evicts nothing where a folder cannot be read', async () => {
    const { holds, keeper, data } = setUp()
    data.failure = new DfsError('io', 'the disk is gone')
    await assert.rejects(keeper.run(), { kind: 'io' })
    assert.deepEqual(holds.evicted, [])
  })

  it('takes as many looks as it needs', async () => {
    const { holds, cids, keeper } = setUp({ count: 18_000, quotaBytes: 1_000_000 })
    assert.equal(await keeper.run(), 17_050_000)
    assert.deepEqual(holds.evicted, cids.slice(0, 17_050))
  })

  it('looks at once when something changed', async () => {
    const { holds, keeper, setting } = setUp({ quotaBytes: 0 })
    setting.quotaBytes = 50_000
    keeper.wake()
    await until('it has made room', () => holds.evicted.length === 53)
    await keeper[Symbol.asyncDispose]()
  })

  it('works by itself, and ends when it is told to', async () => {
    const holds = new FakeHolds(new FakeMembers())
    let looks = 0
    const keeper = new QuotaKeeper({
      quotaBytes: () => 1,
      replicas: () => 1,
      store: { list: () => streamOf([{ ...blockOf(++looks), usedMs: 0 }]) },
      holds,
      members: holds.members,
      dataBlocks: async () => ({ pinned: new DigestSet(), others: new DigestSet() }),
      everyMs: 1,
    })
    await until('it has looked twice', () => looks > 3)
    await keeper[Symbol.asyncDispose]()
    const before = looks
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(looks, before)
    await assert.rejects(keeper.run(AbortSignal.abort()), { kind: 'aborted' })
    assert.equal(NEVER.aborted, false)
  })
})

describe('the oldest blocks', () => {
  it('are the oldest of all, in order, however many there were', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 60 }), fc.integer({ min: 1, max: 10 }), (times, max) => {
        const oldest = new OldestBlocks(max)
        for (const [seed, usedMs] of times.entries()) oldest.add({ ...blockOf(seed), usedMs })
        assert.deepEqual(
          oldest.inOrder().map(({ usedMs }) => usedMs),
          times.toSorted((one, other) => one - other).slice(0, max),
        )
      }),
    ))
})
