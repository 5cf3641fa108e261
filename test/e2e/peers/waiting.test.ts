/** Reads that wait for blocks which nobody gives: who waits can stop, all else goes on, and the wait has an end. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Device, newDevice } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { DRIVER, MOUNT_ARGS } from '../support/place.ts'
import { until, within } from '../support/process.ts'
import { putFiles } from '../support/sharing.ts'

const skip = fuseMissing()
const BYTES = 3_000_000
const FETCH_SECONDS = 4
/** What does not wait is done by then, on a busy machine too, and long before a read that waits. */
const SOON_MS = 2500

/** A mounted device on the public network, alone there: the blocks of its files `a`, `b` and `c` are gone. */
async function alone(t: TestContext): Promise<Device> {
  const device = await newDevice(t, { config: { fetchTimeoutSeconds: FETCH_SECONDS } })
  await device.dfsOk(['init', '--public'])
  await putFiles(device, { a: randomBytes(BYTES), b: randomBytes(BYTES), c: randomBytes(BYTES) })
  await device.sh(`find "${device.home}/blocks" -type f -delete`)
  await device.dfsOk(['mount', device.folder, ...MOUNT_ARGS])
  // Before it runs nobody is asked, and a read waits for that, too.
  await until('the network runs', async () => (await device.json('status')).network.running, 30_000)
  return device
}

/** Starts a program that reads a file, and is sure that it waits. */
async function waiting(device: Device, program: string, ...args: string[]) {
  const child = spawn(program, args, { env: device.env, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  child.stdout.resume()
  await delay(300)
  assert.equal(child.exitCode, null, `${program} waits`)
  return { child, ended }
}

test('a read that waits for peers ends at a signal or at its deadline, and holds nobody else up', {
  skip,
}, async (t) => {
  const device = await alone(t)
  const at = (name: string) => path.join(device.folder, name)
  const began = performance.now()
  const patient = readFile(at('a')).then(
    () => assert.fail('there is nothing to read'),
    (error) => ({ error, afterMs: performance.now() - began }),
  )
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const { child, ended } = await waiting(device, 'cat', at('b'))
    child.kill(signal)
    assert.deepEqual(await within(SOON_MS / 2, ended, `cat after ${signal}`), [null, signal])
  }
  if (DRIVER !== 'fuse-native') {
    // It has a handler for the signal, so the kernel asks whether the read can be interrupted.
    const { child, ended } = await waiting(device, 'dd', `if=${at('b')}`, 'iflag=direct', 'bs=4096', 'count=1')
    child.kill('SIGINT')
    assert.deepEqual(await within(SOON_MS / 2, ended, 'dd after SIGINT'), [null, 'SIGINT'])
  }
  const others = device.sh(`ls -l "${device.folder}"; df "${device.folder}"`)
  await within(SOON_MS, Promise.all([others, stat(at('a')), writeFile(at('own'), 'mine')]), 'names and sizes')
  assert.equal(await within(SOON_MS, readFile(at('own'), 'utf8')), 'mine')

  const { error, afterMs } = await within(4 * FETCH_SECONDS * 1000, patient, 'the patient read')
  assert.equal(error.code, 'EIO')
  assert(afterMs > (FETCH_SECONDS - 1) * 1000, `it waited for ${afterMs} ms`)
  assert(afterMs < (FETCH_SECONDS + 3) * 1000, `it waited for ${afterMs} ms`)

  const { child, ended } = await waiting(device, 'cat', at('c'))
  const { code, stderr } = await device.dfs(['umount', device.folder])
  assert.equal(code, 6, stderr)
  assert.match(stderr, /in use by cat/)
  child.kill('SIGKILL')
  await ended
  await within(SOON_MS, device.dfsOk(['umount', device.folder]), 'umount')
})

test('a daemon that is told to end does not wait for peers', { skip }, async (t) => {
  const device = await alone(t)
  const { ended } = await waiting(device, 'cat', path.join(device.folder, 'a'))
  const [pid] = device.pids()
  process.kill(pid!, 'SIGTERM')
  await within(
    SOON_MS,
    until('the daemon has ended', () => !device.pids().includes(pid!)),
    'the end',
  )
  assert.notEqual((await within(SOON_MS, ended, 'cat'))[0], 0)
})
