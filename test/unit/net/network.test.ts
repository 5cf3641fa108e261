/** The network's facade, over a stand-in for its worker. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Network, type NetworkOptions } from '../../../src/net/network.ts'
import type { NetworkStart } from '../../../src/net/network-calls.ts'

const WORKER = new URL('support/stand-in-worker.ts', import.meta.url)

type Change = { peerId: string; isUp: boolean }

function networkOf(
  t: TestContext,
  start: Partial<NetworkStart>,
  onMember: (change: Change) => void = () => {},
): Network {
  const events = { 'event.member': onMember } as unknown as NetworkOptions['events']
  const network = new Network({ worker: WORKER, start: () => ({ listen: {}, ...start }) as NetworkStart, events })
  t.after(() => network.stop())
  return network
}

test('calls go to the worker from start to stop, and fail at once before and after', async (t) => {
  const network = networkOf(t, {})
  await assert.rejects(network.state(), { kind: 'unreachable' })
  assert.equal((await network.start()).port, 8080)
  assert.equal((await network.state()).peerId, 'me')
  await network.stop()
  await assert.rejects(network.peers(), { kind: 'unreachable' })
})

test('a start that fails leaves nothing running', async (t) => {
  const network = networkOf(t, { listen: { port: 1 } })
  await assert.rejects(network.start(), { kind: 'busy', message: 'port 1 is taken' })
  await assert.rejects(network.state(), { kind: 'unreachable' })
})

test('who comes while the network starts is told of once it can be called', async (t) => {
  const answered = Promise.withResolvers<boolean>()
  const network: Network = networkOf(t, {}, () => {
    const { isRunning } = network
    network.state().then(() => answered.resolve(isRunning), answered.reject)
  })
  await network.start()
  assert.equal(await answered.promise, true)
})

test('when the worker dies, its calls fail, its members are gone, and another takes its place', async (t) => {
  const changes: Change[] = []
  const back = Promise.withResolvers<void>()
  const network = networkOf(t, { networkId: 'mortal' }, (change) => {
    changes.push(change)
    if (changes.length === 3) back.resolve()
  })
  await network.start()
  await assert.rejects(network.peers(), { kind: 'unreachable' })
  await back.promise
  assert.deepEqual(
    changes.map(({ isUp }) => isUp),
    [true, false, true],
  )
})
