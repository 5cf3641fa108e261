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
  await settle()
  assert.deepEqual(tried, ['away'])
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

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
