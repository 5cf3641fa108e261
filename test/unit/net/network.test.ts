/** The network from the main thread: with the real worker, on loopback. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { deviceIdOf } from '../../../src/format/device-id.ts'
import { Network, type NetworkOptions } from '../../../src/net/network.ts'
import type { NetworkStart } from '../../../src/net/network-calls.ts'
import { identityOfSeed } from '../../../src/seal/key-file.ts'

const WORKER = new URL('../../../src/daemon/net-worker.ts', import.meta.url)

async function startOptions(t: TestContext, options: Partial<NetworkStart> = {}): Promise<NetworkStart> {
  const datastoreDir = await mkdtemp(path.join(os.tmpdir(), 'dfs-net-'))
  t.after(() => rm(datastoreDir, { recursive: true, force: true }))
  return {
    identitySeed: randomBytes(32),
    networkId: 'testnet',
    listen: { port: 0, hosts: ['127.0.0.1'] },
    datastoreDir,
    bootstrap: [],
    mdns: false,
    ...options,
  }
}

function networkOf(t: TestContext, start: NetworkStart, events: NetworkOptions['events'] = {}): Network {
  const network = new Network({ worker: WORKER, start: () => start, events })
  t.after(() => network.stop())
  return network
}

test('two networks meet through a bootstrap address, and each hears of it', async (t) => {
  const start = await startOptions(t)
  const met = Promise.withResolvers<string>()
  const first = networkOf(t, start, { 'event.member': ({ peerId, isUp }) => void (isUp && met.resolve(peerId)) })
  await assert.rejects(first.state(), { kind: 'unreachable' })
  const state = await first.start()
  assert.equal(state.peerId, deviceIdOf(identityOfSeed(Buffer.from(start.identitySeed)).publicKey))
  const second = networkOf(t, await startOptions(t, { bootstrap: state.addresses }))
  const { peerId } = await second.start()
  assert.equal(await met.promise, peerId)
  assert.deepEqual(
    (await first.peers()).map((peer) => peer.peerId),
    [peerId],
  )
  await first.stop()
  await assert.rejects(first.peers(), { kind: 'unreachable' })
})

test('a port that was asked for and is taken fails the start', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const network = networkOf(t, await startOptions(t, { listen: { port, explicit: true, hosts: ['127.0.0.1'] } }))
  await assert.rejects(network.start(), { kind: 'busy', message: `port ${port} is taken` })
})
