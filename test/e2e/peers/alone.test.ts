/** A device that is alone in its network: it listens for nobody, unless strangers may fetch from it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test, { type TestContext } from 'node:test'
import { type Device, newDevice } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { isListening } from '../support/place.ts'
import { until, within } from '../support/process.ts'

const skip = fuseMissing()
const START_MS = 20_000

async function isRunning(device: Device): Promise<boolean> {
  return (await device.json('status')).network.running
}

/** Runs `dfs daemon` until the test ends. */
async function serve(t: TestContext, device: Device): Promise<void> {
  await device.dfs(['daemon', '--stop'])
  await until('the daemon has ended', () => device.pids().length === 0)
  const [program, ...before] = device.command
  const daemon = spawn(program, [...before, 'daemon'], { env: device.env, stdio: 'ignore' })
  const ended = once(daemon, 'exit')
  t.after(async () => {
    daemon.kill('SIGTERM')
    await within(START_MS, ended, 'the end of dfs daemon')
  })
  await until('it listens', () => isListening(device), START_MS)
}

test('mounting starts no network for one device, but does for one that IPFS nodes may fetch from', {
  skip,
}, async (t) => {
  const device = await newDevice(t)
  await device.dfsOk(['mount', device.folder])
  assert.equal(await isRunning(device), false)
  await device.dfsOk(['umount', device.folder])
  await device.dfsOk(['config', 'set', 'bitswap', 'on'])
  await until('the daemon has ended', () => device.pids().length === 0)
  await device.dfsOk(['mount', device.folder])
  const { network, peers } = await device.json('peers')
  assert.deepEqual([network.running, peers], [true, []])
  assert.match(network.addresses[0], /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//)
  await device.dfsOk(['umount', device.folder])
  await until('the daemon has ended', () => device.pids().length === 0)
  await device.dfsOk(['mount', '--offline', device.folder])
  assert.equal(await isRunning(device), false)
})

test('a daemon that runs as a service speaks with others though nothing is mounted', async (t) => {
  const device = await newDevice(t, { config: { bitswap: 'on' } })
  await device.dfsOk(['init'])
  await serve(t, device)
  await until('the network runs', () => isRunning(device), START_MS)
})
