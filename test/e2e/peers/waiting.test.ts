/** Reads that wait for blocks which nobody gives: who waits can stop, all else goes on, and the wait has an end. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Device, newDevice } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { DRIVER, MOUNT_ARGS } from '../support/place.ts'
import { until, within } from '../support/process.ts'
import { putFiles } from '../support/sharing.ts'

const skip = fuseMissing()
const BYTES = 3_000_000
/** So long that parts of its chunks are too much for a journal record. */
const LARGE_BYTES = 8 * 1024 * 1024
const FETCH_SECONDS = 4
const SEEKS = fileURLToPath(new URL('../support/seek-hole.ts', import.meta.url))
/** What does not wait is done by then, on a busy machine too, and long before a read that waits. */
const SOON_MS = 2500

/** A mounted device on the public network, alone there: the blocks of its files are gone. */
async function alone(
  t: TestContext,
  { fetchTimeoutSeconds = FETCH_SECONDS, names = ['a', 'b', 'c'], bytes = BYTES } = {},
): Promise<Device> {
  const device = await newDevice(t, { config: { fetchTimeoutSeconds } })
  await device.dfsOk(['init', '--public'])
  await putFiles(device, Object.fromEntries(names.map((name) => [name, randomBytes(bytes)])))
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

/** Writes a part of every chunk of a file, so that storing it takes what is elsewhere, says so, and then does `rest`. */
function writesParts(file: string, rest: string): string[] {
  const script = `
    const fs = require('node:fs')
    const fd = fs.openSync(process.argv[1], 'r+')
    for (let at = 0; at < ${LARGE_BYTES}; at += 65536) fs.writeSync(fd, Buffer.alloc(61440, 1), 0, 61440, at)
    fs.writeSync(1, 'written')
    ${rest}`
  return [process.execPath, '-e', script, file]
}

test('who is killed waits for no peer, neither while it stores, nor when it ends, nor while it looks for data', {
  skip: skip || (DRIVER === 'fuse-native' && 'libfuse 2.9 says nothing of signals'),
}, async (t) => {
  const device = await alone(t, { fetchTimeoutSeconds: 30, names: ['a', 'b', 'c'], bytes: LARGE_BYTES })
  const at = (name: string) => path.join(device.folder, name)
  const seeks = [process.execPath, SEEKS, at('c')]
  const endings = [
    { name: 'close', command: writesParts(at('a'), 'fs.closeSync(fd)'), says: 'written' },
    { name: 'its end', command: writesParts(at('b'), 'setInterval(() => {}, 1000)'), says: 'written' },
    { name: 'seek', command: seeks, says: 'seeks' },
  ]
  for (const { name, command, says } of endings) {
    const [program, ...args] = command
    const child = spawn(program!, args, { env: device.env, stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    const [said] = await within(SOON_MS * 4, once(child.stdout, 'data'), says)
    assert.equal(String(said), says)
    await delay(300)
    assert.equal(child.exitCode, null, `${name} waits`)
    child.kill('SIGKILL')
    assert.deepEqual(await within(SOON_MS, ended, name), [null, 'SIGKILL'])
  }
  await within(SOON_MS, stat(at('a')), 'all else goes on')
})

test('a daemon that is told to end does not wait for peers', { skip }, async (t) => {
  // Far apart, so that a busy machine tells the two from each other.
  const [patienceSeconds, endsMs] = [120, 30_000]
  const device = await alone(t, { fetchTimeoutSeconds: patienceSeconds })
  const { ended } = await waiting(device, 'cat', path.join(device.folder, 'a'))
  const [pid] = device.pids()
  process.kill(pid!, 'SIGTERM')
  await within(
    endsMs,
    until('the daemon has ended', () => !device.pids().includes(pid!), endsMs),
    'the end',
  )
  assert.notEqual((await within(endsMs, ended, 'cat'))[0], 0)
})
