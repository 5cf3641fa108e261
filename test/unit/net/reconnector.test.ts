import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reconnector } from '../../../src/net/reconnector.ts'

test('peers that are away are tried again, those connected are left alone, news makes it try at once', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const tried: string[] = []
  const reconnector = new Reconnector({
    peers: () => ['away', 'here'],
    isConnected: (peerId) => peerId === 'here',
    connect: async (peerId) => {
      tried.push(peerId)
      throw new Error('nobody')
    },
  })
  t.after(() => reconnector.stop())
  assert(reconnector.isHopeful)
  await settle()
  assert.deepEqual(tried, ['away'])
  assert(!reconnector.isHopeful, 'it is known to be away')
  t.mock.timers.tick(1_000)
  await settle()
  assert.deepEqual(tried, ['away'], 'it waits before it tries again')
  reconnector.hint('away')
  await settle()
  assert.deepEqual(tried, ['away', 'away'])
  reconnector.stop()
  reconnector.hint()
  await settle()
  assert.equal(tried.length, 2)
})

test('where somebody waits, peers are tried sooner, but not in a hurry', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = 1_000_000
  t.mock.method(performance, 'now', () => now)
  let tried = 0
  const connect = async () => {
    tried++
    throw new Error('nobody')
  }
  const reconnector = new Reconnector({ peers: () => ['away'], isConnected: () => false, connect })
  t.after(() => reconnector.stop())
  for (let round = 0; round < 6; round++) {
    now += 300_000
    reconnector.hurry()
    await settle()
  }
  const before = tried
  now += 1_000
  reconnector.hurry()
  await settle()
  assert.equal(tried, before, 'it was just tried')
  now += 4_500
  reconnector.hurry()
  await settle()
  assert.equal(tried, before + 1)
})

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
