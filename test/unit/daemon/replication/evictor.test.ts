import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Evictor } from '../../../../src/daemon/replication/evictor.ts'
import type { Cid } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import type { BlockSize, EvictOutcome } from '../../../../src/net/holds/hold-service.ts'
import { blockOf, blocksOf, NEVER, streamOf } from './support.ts'

function setUp(outcomeOf: (cid: Cid) => EvictOutcome = () => 'evicted') {
  const batches: number[] = []
  const here = new Set<Cid>()
  const freed: number[] = []
  const evictor = new Evictor({
    holds: {
      async evict(cids) {
        batches.push(cids.length)
        const outcomes = new Map(cids.map((cid) => [cid, outcomeOf(cid)]))
        for (const [cid, outcome] of outcomes) if (outcome === 'evicted') here.delete(cid)
        return outcomes
      },
    },
    has: (cid) => here.has(cid),
    signal: NEVER,
    onFreed: (bytes) => freed.push(bytes),
  })
  const add = (blocks: readonly BlockSize[], isKept: (cid: Cid) => boolean = () => false) => {
    for (const { cid } of blocks) here.add(cid)
    return evictor.add(streamOf(blocks), isKept)
  }
  return { evictor, batches, here, freed, add }
}

describe('evicting files', () => {
  it('drops the blocks of many together, and counts files and bytes', async () => {
    const { evictor, batches, here, freed, add } = setUp()
    for (let file = 0; file < 1500; file++) await add([blockOf(file, 10)])
    const { files, blocks, bytes, kept } = await evictor.finish()
    assert.deepEqual([files, blocks, bytes, kept.size, here.size], [1500, 1500, 15_000, 0, 0])
    assert.deepEqual(batches, [1024, 476])
    assert.equal(freed.length, 1500)
  })

  it('counts a file as evicted once all of it is, over as many batches as it takes', async () => {
    const { evictor, batches, add } = setUp((cid) => (cid === blockOf(2999).cid ? 'too-few-holders' : 'evicted'))
    await add(blocksOf(3000, 10))
    await add([blockOf(5000, 10)])
    const { files, blocks, kept } = await evictor.finish()
    assert.deepEqual([files, blocks, [...kept]], [1, 3000, [['too-few-holders', 1]]])
    assert.deepEqual(batches, [1024, 1024, 953])
  })

  it('keeps what a pinned file shares, and says so', async () => {
    const { evictor, here, add } = setUp()
    const [shared, own] = [blockOf(1), blockOf(2)]
    await add([shared, own], (cid) => cid === shared.cid)
    const { files, kept } = await evictor.finish()
    assert.deepEqual([files, [...kept]], [0, [['pinned', 1]]])
    assert.deepEqual([...here], [shared.cid])
  })

  it('counts blocks that several files share once, and all those files', async () => {
    const { evictor, add } = setUp()
    await add([blockOf(1), blockOf(1), blockOf(2)])
    await add([blockOf(2)])
    const { files, blocks, bytes } = await evictor.finish()
    assert.deepEqual([files, blocks, bytes], [2, 2, 2000])
  })

  it('counts files of which something was here, be it gone by itself meanwhile', async () => {
    const { evictor, here, add } = setUp((cid) => (cid === blockOf(1).cid ? 'no-block' : 'evicted'))
    await add([blockOf(1)])
    await evictor.add(streamOf([blockOf(7)]), () => false)
    const { files, blocks, kept } = await evictor.finish()
    assert.deepEqual([files, blocks, kept.size, here.size], [1, 0, 0, 1])
  })

  it('drops what it can of a file whose manifest cannot be read, and does not hide what the holds fail with', async () => {
    const { evictor, here, add } = setUp()
    await add([blockOf(1)])
    here.add(blockOf(2).cid)
    async function* failing() {
      yield blockOf(2)
      throw new DfsError('corrupt', 'a node is damaged')
    }
    await evictor.add(failing(), () => false)
    const { files, blocks, kept } = await evictor.finish()
    assert.deepEqual([files, blocks, [...kept]], [1, 2, [['unreadable', 1]]])

    const broken = setUp(() => {
      throw new DfsError('io', 'the ledger fails')
    })
    await broken.add([blockOf(1)])
    await assert.rejects(broken.evictor.finish(), { kind: 'io' })
  })

  it('tells of files that are left alone', async () => {
    const { evictor } = setUp()
    for (const why of ['dirty', 'pinned', 'dirty'] as const) evictor.leave(why)
    assert.deepEqual(
      [...(await evictor.finish()).kept],
      [
        ['dirty', 2],
        ['pinned', 1],
      ],
    )
  })
})
