import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { type ReplicationOptions, RunningReplication } from '../../../../src/daemon/replication/running-replication.ts'
import { until } from '../../../e2e/support/process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { blocksOf, FakeHeads, FakeHolds, FakeMembers } from './support.ts'

/** Of a device with a friend, who is connected from the start on, and does not answer yet. */
async function replication(t: TestContext) {
  const closing = new AsyncDisposableStack()
  t.after(() => closing.disposeAsync())
  const members = new FakeMembers({ friend: 'them' })
  const holds = Object.assign(new FakeHolds(members), {
    audits: { holders: async () => [], sample: async () => ({ cids: [], blocks: 0, bytes: 0 }) },
    trustBy: () => undefined,
  })
  const heads = new FakeHeads()
  const rates = { upBytesPerSecond: 0, downBytesPerSecond: 0, localQuotaBytes: 0 }
  const config = { redundancy: 'copies', replicas: 1, holderAwayDays: 14, ...rates }
  const dir = temporaryDirectory(t)
  const options = {
    home: { dir, config, directory: (name: string) => path.join(dir, name) },
    network: {
      isRunning: true,
      isRemoved: false,
      hasOthers: true,
      connected: ['friend'],
      onMember: () => () => undefined,
      membership: { members: () => ['self', 'friend'].map((deviceId) => ({ deviceId })) },
    },
    heads,
    holds,
    members,
    clock: { nowMs: () => 0 },
  }
  const running = closing.use(await RunningReplication.open(options as unknown as ReplicationOptions))
  return { running, heads, holds }
}

describe('replication of a device', () => {
  it('asks everybody anew when somebody waits, whatever pause it would make', async (t) => {
    const { running, heads, holds } = await replication(t)
    await heads.make(blocksOf(10))
    for (let hurries = 0; hurries < 5; hurries++) {
      const before = heads.searches
      running.hurry()
      await until('all is looked at', () => heads.searches > before)
    }
    assert.deepEqual(new Set(heads.came), new Set(['friend']), 'it is given the newest head, if it lacks that')
    holds.free.set('friend', 1e9)
    running.hurry()
    await until('all is placed', () => running.replicator.isDone)
    assert.equal(holds.asked.length, 1)
  })
})
