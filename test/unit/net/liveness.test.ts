import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Liveness } from '../../../src/net/liveness.ts'

test('who is suspected and gives no sign of life is disconnected, who does or has spoken meanwhile is not', async (t) => {
  const gone: string[] = []
  const liveness = new Liveness({
    peers: () => [],
    ping: async (peerId) => {
      if (peerId !== 'alive') throw new Error('no answer')
    },
    disconnect: (peerId) => gone.push(peerId),
  })
  t.after(() => liveness.stop())
  liveness.suspect('alive', () => false)
  liveness.suspect('spoke', () => true)
  liveness.suspect('dead', () => false)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(gone, ['dead'])
})
