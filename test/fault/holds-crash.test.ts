/** Real daemons that keep blocks for each other are killed in the midst of it: what was said to be held is there. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Cid } from '../../src/dfs.ts'
import { newDevice, pair } from '../e2e/support/device.ts'
import { HoldingDevice } from '../e2e/support/holding-device.ts'
import { until } from '../e2e/support/process.ts'
import { stopDaemon } from '../e2e/support/sharing.ts'
import { Random } from '../support/random.ts'

const KILLS = 2
const BLOCKS = 200

test('whoever is killed, what was said to be held is held', { timeout: 280_000 }, async (t) => {
  const random = new Random(Date.now())
  t.diagnostic(`seed ${random.seed}`)
  const config = { replicas: 1, offerBytes: 1_000_000_000 }
  const devices = [await newDevice(t, { config }), await newDevice(t, { config })] as const
  await devices[0].dfsOk(['init'])
  await pair(devices[0], devices[1], '--member')
  for (const device of devices) await stopDaemon(device)
  const [mine, friend] = [new HoldingDevice(devices[0]), new HoldingDevice(devices[1])]
  for (const device of [mine, friend]) {
    t.after(() => device.kill())
    await device.start()
  }
  const blocks = await mine.call('makeBlocks', { count: BLOCKS, bytes: 10_000 })
  const cids = blocks.map(({ cid }) => cid)
  for (let kill = 0; kill < KILLS; kill++) {
    await mine.meets(friend)
    // Half of them go over, then are evicted, then what is here is let go; one of the two dies meanwhile.
    const some = cids.filter(() => random.oneIn(2))
    const sizes = blocks.filter(({ cid }) => some.includes(cid))
    const work = (async () => {
      await mine.call('ask', { holder: friend.id, blocks: sizes })
      await mine.call('evict', some)
    })().catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, random.below(600)))
    const victim = kill % 2 === 0 ? friend : mine
    await victim.kill()
    await victim.start()
    await work
    await check(mine, friend, cids)
  }
  await mine.meets(friend)
  await mine.call('release', cids)
  await until('all is let go', async () => (await mine.call('borrowed', undefined)).length === 0, 60_000)
})

async function check(mine: HoldingDevice, friend: HoldingDevice, cids: readonly Cid[]): Promise<void> {
  const holders = await mine.call('holdersOf', [...cids])
  const isHere = await mine.call('has', [...cids])
  const isThere = await friend.call('has', [...cids])
  const promised = new Set(await friend.call('promised', undefined))
  for (const [at, cid] of cids.entries()) {
    const isHeld = holders[at]!.includes(friend.id)
    assert(isHere[at] || isHeld, 'what is not here is held')
    assert(!isHeld || (isThere[at] && promised.has(cid)), 'what is held is there')
  }
}
