import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dropSilent } from '../../../src/net/routing-table.ts'

type Send = (to: string, message: unknown, options: { signal?: AbortSignal }) => AsyncGenerator<{ name: string }>

/** A DHT of which only what is watched exists; peers answer whose name says so. */
function fakeDht() {
  const removed: string[] = []
  const send: Send = async function* (to) {
    yield { name: to.startsWith('silent') ? 'QUERY_ERROR' : 'PEER_RESPONSE' }
  }
  const network = { sendRequest: send, sendMessage: send }
  const dht = { network, routingTable: { remove: async (peer: string) => void removed.push(peer) } }
  dropSilent(dht as never)
  const ask = async (to: string, signal?: AbortSignal) => {
    for await (const _event of network.sendRequest(to, {}, signal ? { signal } : {}));
  }
  return { ask, removed }
}

test('a peer that does not answer leaves the table when others do answer', async () => {
  const { ask, removed } = fakeDht()
  await ask('there')
  await ask('silent')
  assert.deepEqual(removed, ['silent'])
})

test('while nobody answers all stay in the table: it may be this device that is cut off', async () => {
  const { ask, removed } = fakeDht()
  await ask('silent 1')
  await ask('silent 2')
  assert.deepEqual(removed, [])
})

test('a peer whose answer is waited for no more stays in the table', async () => {
  const { ask, removed } = fakeDht()
  await ask('there')
  await ask('silent', AbortSignal.abort())
  assert.deepEqual(removed, [])
})
