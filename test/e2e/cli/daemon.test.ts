import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fuseMissing, isMounted } from '../support/mount.ts'
import { dfsCommand, isListening, newPlace, type Place } from '../support/place.ts'
import { until, within } from '../support/process.ts'

const [node, launcher] = dfsCommand()
const skip = fuseMissing()

function daemonPid(place: Place): number {
  return JSON.parse(readFileSync(path.join(place.home, 'lock'), 'utf8')).pid
}

/** `dfs mount -f`, once it has mounted. */
async function mountInForeground(place: Place) {
  const child = spawn(node, [launcher, 'mount', '-f', place.folder], {
    env: place.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await within(20_000, once(child.stdout, 'data'))
  return { child, ended }
}

test('commands started at once share one daemon, which ends when it is idle', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  await place.dfsOk(['config', 'set', 'idleStopMs', '200'])
  await until('the daemon has ended', () => place.pids().length === 0)
  const identities = await Promise.all([1, 2, 3].map(() => place.dfsOk(['id', '--json'])))
  assert.equal(new Set(identities).size, 1)
  await until('the daemon has ended', () => place.pids().length === 0)
})

test('a killed daemon leaves a socket and a lock that are in nobody’s way', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  const pid = daemonPid(place)
  process.kill(pid, 'SIGKILL')
  await until('it is gone', () => place.pids().length === 0)
  assert.ok(existsSync(JSON.parse(readFileSync(path.join(place.home, 'lock'), 'utf8')).socket))
  await place.dfsOk(['id'])
  assert.notEqual(daemonPid(place), pid)
})

test('the daemon keeps no directory busy and serves a private socket', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  assert.equal(readlinkSync(`/proc/${daemonPid(place)}/cwd`), '/')
})

test('a service stays until it is told to stop, and is the only one', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  await place.dfsOk(['config', 'set', 'idleStopMs', '0'])
  await place.dfs(['daemon', '--stop'])
  await until('the daemon has ended', () => place.pids().length === 0)
  const service = spawn(node, [launcher, 'daemon'], { env: place.env, stdio: 'ignore' })
  const ended = once(service, 'exit')
  // Asked before it listens, a command would start a daemon of its own.
  await until('the service listens', () => isListening(place))
  await place.dfsOk(['id'])
  assert.equal(place.pids().length, 2)
  const second = await place.dfs(['daemon'])
  assert.equal(second.code, 6)
  assert.match(second.stderr, /^dfs: .*works in this home already[^\n]*\n$/)
  service.kill('SIGTERM')
  assert.deepEqual(await within(10_000, ended), [0, null])
  assert.deepEqual(place.pids(), [])
})

test('a service whose log has no room works on', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  await place.dfs(['daemon', '--stop'])
  await until('the daemon has ended', () => place.pids().length === 0)
  const full = openSync('/dev/full', 'w')
  const env = { ...place.env, DEBUG: 'dfs:*' }
  const service = spawn(node, [launcher, 'daemon'], { env, stdio: ['ignore', 'ignore', full] })
  closeSync(full)
  const ended = once(service, 'exit')
  await until('the service listens', () => isListening(place))
  const pid = daemonPid(place)
  for (let i = 0; i < 3; i++) await place.dfsOk(['status'])
  assert.equal(daemonPid(place), pid)
  service.kill('SIGTERM')
  assert.deepEqual(await within(10_000, ended), [0, null])
})

test('SIGTERM unmounts, and what was written is there after', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  await place.sh(`printf kept > ${place.folder}/file`)
  process.kill(daemonPid(place), 'SIGTERM')
  await until('the daemon has ended', () => place.pids().length === 0)
  assert.equal(isMounted(place.folder), false)
  assert.equal(await place.dfsOk(['cat', path.join(place.folder, 'file.f')]), 'kept')
})

test('mounting again after a crash needs no help', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  await place.sh(`printf kept > ${place.folder}/file`)
  process.kill(daemonPid(place), 'SIGKILL')
  await until('the daemon is gone', () => place.pids().length === 0)
  assert.equal(isMounted(place.folder), true)
  assert.match(await place.dfsOk(['doctor']), /nobody serves/)
  await place.dfsOk(['mount', place.folder])
  assert.equal(await place.sh(`cat ${place.folder}/file`), 'kept')
  await place.dfsOk(['umount', place.folder])
  assert.equal(isMounted(place.folder), false)
})

test('umount takes off what a crash left', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  process.kill(daemonPid(place), 'SIGKILL')
  await until('the daemon is gone', () => place.pids().length === 0)
  await place.dfsOk(['umount', place.folder])
  assert.equal(isMounted(place.folder), false)
})

test('in the foreground, SIGINT unmounts and the command returns', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  const { child, ended } = await mountInForeground(place)
  await place.sh(`printf kept > ${place.folder}/file`)
  child.kill('SIGINT')
  assert.deepEqual(await within(20_000, ended), [0, null])
  assert.equal(isMounted(place.folder), false)
  await until('the daemon has ended', () => place.pids().length === 0)
  assert.ok(existsSync(path.join(place.folder, 'file.f')))
})

test('in the foreground, the command returns when somebody else unmounts', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  const { ended } = await mountInForeground(place)
  await place.dfsOk(['umount', place.folder])
  assert.deepEqual(await within(20_000, ended), [0, null])
})
