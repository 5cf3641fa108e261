import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchesOf } from '../../../../src/daemon/replication/batches.ts'
import { Pace } from '../../../../src/daemon/replication/pace.ts'
import { TransferRate } from '../../../../src/daemon/replication/transfer-rate.ts'
import { NEVER, streamOf } from './support.ts'

function paceOf(rate: { perSecond: number }) {
  const clock = { ms: 0, waited: [] as number[] }
  const pace = new Pace(() => rate.perSecond, {
    now: () => clock.ms,
    wait: async (ms) => {
      clock.waited.push(ms)
      clock.ms += ms
    },
  })
  return { pace, clock }
}

describe('the pace of background traffic', () => {
  it('keeps to the rate over any time', async () => {
    const { pace, clock } = paceOf({ perSecond: 1000 })
    for (let i = 0; i < 20; i++) await pace.take(500, NEVER)
    assert.equal(clock.ms, 8500, 'a second is saved up, and what was taken last goes on by itself')
  })

  it('lets those who come together go one behind the other', async () => {
    const { pace, clock } = paceOf({ perSecond: 1000 })
    await Promise.all([pace.take(4000, NEVER), pace.take(1000, NEVER), pace.take(1000, NEVER)])
    assert.deepEqual([clock.waited, clock.ms], [[3000, 1000], 4000])
  })

  it('is no limit at 0, and changes with the setting', async () => {
    const rate = { perSecond: 0 }
    const { pace, clock } = paceOf(rate)
    for (let i = 0; i < 10; i++) await pace.take(1e9, NEVER)
    assert.deepEqual(clock.waited, [])
    rate.perSecond = 10
    await pace.take(20, NEVER)
    await pace.take(20, NEVER)
    assert.deepEqual(clock.waited, [1000])
  })

  it('ends with who waits', async () => {
    const pace = new Pace(() => 1)
    await pace.take(1000, NEVER)
    await assert.rejects(pace.take(1, AbortSignal.abort()), { kind: 'aborted' })
  })
})

describe('a rate', () => {
  it('is that of the last seconds, and none after a rest', () => {
    const clock = { ms: 0 }
    const rate = new TransferRate(() => clock.ms)
    assert.equal(rate.perSecond, 0)
    rate.begin()
    for (let i = 0; i < 50; i++) {
      clock.ms += 100
      rate.note(100)
    }
    assert.equal(rate.perSecond, 1000)
    clock.ms += 9_000
    assert.ok(rate.perSecond > 300)
    clock.ms += 1_000
    assert.equal(rate.perSecond, 0)
    rate.begin()
    clock.ms += 2000
    rate.note(8000)
    assert.equal(rate.perSecond, 4000)
  })

  it('follows what changes', () => {
    const clock = { ms: 0 }
    const rate = new TransferRate(() => clock.ms)
    rate.begin()
    for (let i = 0; i < 1000; i++) {
      clock.ms += 100
      rate.note(i < 500 ? 100 : 1000)
    }
    assert.ok(Math.abs(rate.perSecond - 10_000) < 1500, String(rate.perSecond))
  })
})

describe('batches', () => {
  it('end by count, and with the item that makes them heavy', async () => {
    const batches: number[][] = []
    const options = { countMax: 3, weightMax: 10, weigh: (item: number) => item }
    for await (const batch of batchesOf(streamOf([1, 1, 1, 1, 20, 4, 6, 1]), options)) batches.push(batch)
    assert.deepEqual(batches, [[1, 1, 1], [1, 20], [4, 6], [1]])
  })
})
