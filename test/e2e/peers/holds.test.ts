/** Blocks that devices keep for each other, between real daemons on loopback. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Scope } from '../../support/scope.ts'
import { newDevice, pair } from '../support/device.ts'
import { HoldingDevice } from '../support/holding-device.ts'
import { until } from '../support/process.ts'
import { stopDaemon } from '../support/sharing.ts'

const OFFER = 64 * 1024 * 1024

describe('blocks that devices keep for each other', () => {
  const scope = new Scope()
  let mine: HoldingDevice
  let friend: HoldingDevice

  before(async () => {
    const config = { replicas: 1, offerBytes: OFFER, gcGraceMinutes: 0 }
    const devices = [await newDevice(scope.context, { config }), await newDevice(scope.context, { config })] as const
    await devices[0].dfsOk(['init'])
    await pair(devices[0], devices[1], '--member')
    for (const device of devices) await stopDaemon(device)
    ;[mine, friend] = [new HoldingDevice(devices[0]), new HoldingDevice(devices[1])]
    for (const device of [mine, friend]) {
      scope.context.after(() => device.kill())
      await device.start()
    }
    await mine.meets(friend)
  })
  after(() => scope[Symbol.asyncDispose]())

  it('a member says what it would hold, holds what it is asked to, and gives it back', async () => {
    const offer = await mine.call('offerOf', friend.id)
    assert.equal(offer?.freeBytes, OFFER)
    const blocks = await mine.call('makeBlocks', { count: 300, bytes: 20_000 })
    const cids = blocks.map(({ cid }) => cid)
    const outcomes = await mine.call('ask', { holder: friend.id, blocks })
    assert.deepEqual(new Set(outcomes.map(([, outcome]) => outcome)), new Set(['held']))
    assert((await friend.call('has', cids)).every(Boolean))
    assert.equal((await mine.call('offerOf', friend.id))?.freeBytes, OFFER - 300 * 20_000)
    assert.deepEqual(await mine.call('holdersOf', cids.slice(0, 2)), [[friend.id], [friend.id]])
    await friend.device.dfsOk(['gc'])
    assert((await friend.call('has', cids)).every(Boolean), 'what was promised is no garbage')

    const evicted = await mine.call('evict', cids)
    assert.deepEqual(new Set(evicted.map(([, outcome]) => outcome)), new Set(['evicted']))
    assert(!(await mine.call('has', cids)).some(Boolean))
    assert(await mine.call('fetch', blocks[0]!))
  })

  it('what nothing needs any more is let go by a garbage collection, and deleted there', async () => {
    const cids = await mine.call('borrowed', undefined)
    await mine.device.dfsOk(['gc'])
    await until('the other has let them go', async () => (await friend.call('promised', undefined)).length === 0)
    await until('this one knows', async () => (await mine.call('borrowed', undefined)).length === 0)
    await until('they are deleted', async () => !(await friend.call('has', cids)).some(Boolean))
    assert.deepEqual(await friend.call('lent', undefined), [])
  })

  it('a device that keeps hashes alone, and what it was asked for lately, has nothing deleted on its word', async () => {
    const blocks = await mine.call('makeBlocks', { count: 60, bytes: 20_000 })
    const cids = blocks.map(({ cid }) => cid)
    await mine.call('ask', { holder: friend.id, blocks })
    await friend.call('keepHashesAlone', undefined)
    for (const some of [cids.slice(0, 20), cids]) {
      const outcomes = await mine.call('evict', some)
      assert.deepEqual(new Set(outcomes.map(([, outcome]) => outcome)), new Set(['too-few-holders']))
    }
    await until('none of its holds counts', async () => (await mine.call('holdersOf', cids)).flat().length === 0)
    assert((await mine.call('has', cids)).every(Boolean))
  })
})
