/** `dfs doctor`: each thing that can be wrong is found, with its mend, and said by the exit code. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import test from 'node:test'
import type { Check } from '../../../src/daemon/control-api.ts'
import { DaemonProcess } from '../../support/daemon-process.ts'
import { newDevice, pair } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { newPlace, type Place } from '../support/place.ts'
import { until } from '../support/process.ts'
import { connected } from '../support/sharing.ts'

async function examine(place: Place): Promise<{ code: number | null; of(name: string): Check | undefined }> {
  const { code, stdout } = await place.dfs(['doctor', '--json'])
  const checks: Check[] = JSON.parse(stdout)
  return { code, of: (name) => checks.find((check) => check.name === name) }
}

async function readyPlace(t: Parameters<typeof newPlace>[0]): Promise<Place> {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  await place.dfs(['daemon', '--stop'])
  await until('the daemon has ended', () => place.pids().length === 0, 60_000)
  return place
}

test('a machine and a home in order are said to be, and nothing is left behind', { skip: fuseMissing() }, async (t) => {
  const place = await readyPlace(t)
  const before = readdirSync(place.home).sort()
  const { code, of } = await examine(place)
  assert.equal(code, 0)
  for (const name of ['Node', 'the device /dev/fuse', 'fusermount3', 'home', 'clock and home', 'disk speed', 'port'])
    assert.equal(of(name)?.status, 'ok', `${name}: ${of(name)?.finding}`)
  assert.deepEqual(readdirSync(place.home).sort(), before)
})

test('a folder that is gone, and one that is another, are told', { skip: fuseMissing() }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  assert.equal((await examine(place)).of('folders')?.status, 'ok', 'while it is mounted')
  await place.dfsOk(['umount', place.folder])
  renameSync(place.folder, `${place.folder}.away`)
  const gone = (await examine(place)).of('folders')
  assert.partialDeepStrictEqual(gone, { status: 'warning' })
  assert.ok(gone?.finding.includes(place.folder))
  mkdirSync(place.folder)
  const { code, of } = await examine(place)
  assert.equal(code, 13)
  assert.match(of('folders')?.mend ?? '', /mount --yes/)
})

test('a port that another program has is told', async (t) => {
  const place = await readyPlace(t)
  const other = createServer().listen(0)
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as { port: number }
  writeFileSync(path.join(place.home, 'config.json'), JSON.stringify({ port }))
  const { code, of } = await examine(place)
  assert.equal(code, 13)
  assert.match(of('port')?.finding ?? '', new RegExp(`^${port} is taken`))
})

test('a home from the future shows that the clock is wrong', async (t) => {
  const place = await readyPlace(t)
  const later = new Date(Date.now() + 10 * 86_400_000)
  utimesSync(path.join(place.home, 'config.json'), later, later)
  const { code, of } = await examine(place)
  assert.equal(code, 13)
  assert.match(of('clock and home')?.finding ?? '', /behind/)
})

test('a home that others may read is told, and the mend mends it', async (t) => {
  const place = await readyPlace(t)
  await place.sh(`chmod 755 ${place.home}`)
  const [, mend = ''] = /^run "(.*)"$/.exec((await examine(place)).of('home')?.mend ?? '') ?? []
  await place.sh(mend)
  assert.equal((await examine(place)).of('home')?.status, 'ok')
})

test('whether other devices reach this one is told while the daemon runs', { skip: fuseMissing() }, async (t) => {
  const [one, other] = [await newDevice(t), await newDevice(t)]
  await one.dfsOk(['mount', one.folder])
  await pair(one, other)
  await other.dfsOk(['mount', other.folder])
  await connected(one)
  const { of } = await examine(one)
  assert.equal(of('reached by other devices')?.status, 'ok', of('reached by other devices')?.finding)
})

test('a daemon that was killed, and whom its parent has not looked at yet, has ended', async (t) => {
  const place = await readyPlace(t)
  const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => parent.kill('SIGKILL'))
  const pid = Number((await once(parent.stdout, 'data'))[0])
  await until('it has ended', () => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')))
  writeFileSync(path.join(place.home, 'lock'), JSON.stringify({ pid, socket: path.join(place.home, 'none') }))
  assert.match((await examine(place)).of('daemon')?.finding ?? '', /ended without notice/)
})

test('a daemon that hangs is told, and not waited for', async (t) => {
  const place = newPlace(t)
  mkdirSync(place.home, { mode: 0o700 })
  writeFileSync(path.join(place.home, 'config.json'), JSON.stringify({ idleStopMs: 600_000 }))
  await place.dfsOk(['init'])
  const { pid } = new DaemonProcess(place)
  process.kill(pid, 'SIGSTOP')
  const { code, of } = await examine(place)
  assert.equal(code, 13)
  const check = of('daemon')
  assert.match(check?.finding ?? '', new RegExp(`^process ${pid} does not answer`))
  assert.match(check?.mend ?? '', new RegExp(`kill -9 ${pid}`))
})
