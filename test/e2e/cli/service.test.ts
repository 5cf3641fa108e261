/** `dfs service`, and `dfs daemon` as its definition runs it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { DaemonProcess } from '../../support/daemon-process.ts'
import { DatagramSocket } from '../../support/datagram-socket.ts'
import { fakeSystemd } from '../support/fake-systemd.ts'
import { fuseMissing, isMounted } from '../support/mount.ts'
import { isListening, newPlace, type Place } from '../support/place.ts'
import { until, within } from '../support/process.ts'
import { type SecondUser, secondUser, secondUserMissing } from '../support/second-user.ts'

const skip = fuseMissing()
const DEADLINE_MS = 60_000
/** Told every third of this. */
const WATCHDOG_MS = 300

/** What the definition has a service manager run. */
async function commandOf(place: Place, folders: readonly string[]): Promise<{ words: string[]; home: string }> {
  const unit = await place.dfsOk(['service', 'install', '--print', 'systemd', '--user', ...folders])
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? []
  const [, home = ''] = /^Environment="DFS_HOME=(.*)"$/m.exec(unit) ?? []
  return { words: [...line.matchAll(/"([^"]*)"/g)].map(([, word]) => word!), home }
}

/** Runs it with a manager's environment. */
function start(t: TestContext, place: Place, { words, home }: { words: string[]; home: string }, notify: string) {
  const [program = '', ...args] = words
  const child = spawn(program, args, {
    env: { ...place.env, DFS_HOME: home, NOTIFY_SOCKET: notify, WATCHDOG_USEC: String(WATCHDOG_MS * 1000) },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(place.user && { uid: place.user.uid, gid: place.user.gid }),
  })
  let said = ''
  child.stderr.on('data', (bytes) => (said += bytes))
  t.after(() => child.kill('SIGKILL'))
  return { child, ended: once(child, 'close'), said: () => said }
}

async function readyPlace(t: TestContext, user?: SecondUser): Promise<Place> {
  const place = newPlace(t, { user })
  await place.dfsOk(['init'])
  await stop(place)
  return place
}

async function stop(place: Place): Promise<void> {
  await place.dfs(['daemon', '--stop'])
  await until('the daemon has ended', () => place.pids().length === 0, DEADLINE_MS)
}

test('the service is ready when its folders are mounted, tells that it lives, and stores everything at its end', {
  skip,
}, async (t) => {
  const place = await readyPlace(t)
  const notify = path.join(place.root, 'notify')
  using socket = new DatagramSocket(notify)
  const { child, ended } = start(t, place, await commandOf(place, [place.folder]), notify)
  assert.match(await socket.message(/^READY=1$/m), /^STATUS=1 folder mounted$/m)
  assert.ok(isMounted(place.folder))
  await place.sh(`printf kept > ${place.folder}/file`)
  await socket.message(/^WATCHDOG=1$/, { from: socket.received.length })
  child.kill('SIGTERM')
  await socket.message(/^STOPPING=1$/)
  assert.deepEqual(await within(DEADLINE_MS, ended), [0, null])
  assert.equal(isMounted(place.folder), false)
  assert.ok(existsSync(path.join(place.folder, 'file.f')))
  assert.deepEqual(place.pids(), [])
})

test("an ordinary user's service mounts, and unmounts at its end", { skip: secondUserMissing() }, async (t) => {
  const place = await readyPlace(t, await secondUser(t))
  const notify = `@dfs-test-user-${process.pid}`
  using socket = new DatagramSocket(notify)
  const { child, ended, said } = start(t, place, await commandOf(place, [place.folder]), notify)
  assert.match(await socket.message(/^READY=1$/m), /^STATUS=1 folder mounted$/m, said())
  await place.sh(`printf kept > ${place.folder}/file`)
  child.kill('SIGTERM')
  assert.deepEqual(await within(DEADLINE_MS, ended), [0, null])
  assert.equal(isMounted(place.folder), false)
  assert.ok(existsSync(path.join(place.folder, 'file.f')))
})

test('a daemon that hangs is not said to live', { skip }, async (t) => {
  const place = await readyPlace(t)
  const notify = `@dfs-test-${process.pid}`
  using socket = new DatagramSocket(notify)
  const { child, ended } = start(t, place, await commandOf(place, []), notify)
  await socket.message(/^READY=1$/m)
  const { pid } = new DaemonProcess(place)
  process.kill(pid, 'SIGSTOP')
  const before = socket.received.length
  await delay(WATCHDOG_MS * 4)
  // What was answered just before may be told of just after.
  assert.ok(socket.received.length - before <= 1, socket.received.join(' '))
  process.kill(pid, 'SIGCONT')
  await socket.message(/^WATCHDOG=1$/, { from: socket.received.length })
  child.kill('SIGTERM')
  assert.deepEqual(await within(DEADLINE_MS, ended), [0, null])
})

test('a folder that is not there keeps no other from being served', { skip }, async (t) => {
  const place = await readyPlace(t)
  const gone = path.join(place.root, 'gone')
  mkdirSync(gone)
  await place.dfsOk(['mount', gone])
  await place.dfsOk(['umount', gone])
  await stop(place)
  const command = await commandOf(place, [gone, place.folder])
  await place.sh(`rm -r ${gone}`)
  const notify = path.join(place.root, 'notify')
  using socket = new DatagramSocket(notify)
  const { child, ended, said } = start(t, place, command, notify)
  assert.match(await socket.message(/^READY=1$/m), /^STATUS=1 of 2 folders mounted; .*gone.*$/m)
  assert.ok(isMounted(place.folder))
  child.kill('SIGTERM')
  assert.deepEqual(await within(DEADLINE_MS, ended), [0, null])
  assert.match(said(), /not mounted, and will be tried again: .*gone/)
})

test('a second service of one home ends, and says why', async (t) => {
  const place = await readyPlace(t)
  const command = await commandOf(place, [])
  const first = start(t, place, command, `@dfs-test-first-${process.pid}`)
  await until('the first serves', () => isListening(place), DEADLINE_MS)
  const second = start(t, place, command, `@dfs-test-second-${process.pid}`)
  assert.deepEqual(await within(DEADLINE_MS, second.ended), [6, null])
  assert.match(second.said(), /^dfs: .*works in this home already[^\n]*\n$/)
  first.child.kill('SIGTERM')
  assert.deepEqual(await within(DEADLINE_MS, first.ended), [0, null])
})

test('install hands what is mounted to systemd, once, and uninstall takes it back', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  const systemd = fakeSystemd(place)
  const options = { env: systemd.env }
  const first = await place.dfsOk(['service', 'install', '--user'], options)
  const file = path.join(place.root, 'user/.config/systemd/user/dfs.service')
  assert.match(first, new RegExp(`Wrote ${file}`))
  assert.match(first, /ends when you log out; "dfs service install --linger"/)
  assert.ok(readFileSync(file, 'utf8').includes(`"--mount" "${place.folder}"`))
  assert.equal(isMounted(place.folder), false, 'it is the service that mounts it')
  assert.deepEqual(systemd.calls(), ['systemctl daemon-reload', 'systemctl enable --now dfs'])

  const again = JSON.parse(await place.dfsOk(['service', 'install', '--user', '--json', place.folder], options))
  assert.deepEqual([again.changed, again.folders, systemd.calls()], [false, [place.folder], []])
  await place.dfsOk(['service', 'install', '--user', '--linger', place.folder], options)
  assert.deepEqual(systemd.calls(), ['loginctl enable-linger'])

  await place.dfsOk(['service', 'uninstall', '--user'], options)
  assert.deepEqual(systemd.calls(), ['systemctl disable --now dfs', 'systemctl daemon-reload'])
  assert.equal(existsSync(file), false)
  const { code, stderr } = await place.dfs(['service', 'uninstall', '--user'], options)
  assert.equal(code, 3)
  assert.match(stderr, /^dfs: .*there is no such service[^\n]*\n$/)
})

test('install changes nothing while a folder is in use, and says by whom', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  const user = spawn('sleep', ['1000'], { cwd: place.folder, env: place.env })
  t.after(() => user.kill('SIGKILL'))
  const systemd = fakeSystemd(place)
  const { code, stderr } = await place.dfs(['service', 'install', '--user'], { env: systemd.env })
  assert.equal(code, 6)
  assert.match(stderr, new RegExp(`^dfs: .*sleep \\(${user.pid}\\)[^\\n]*\\n$`))
  assert.ok(isMounted(place.folder))
  assert.deepEqual(systemd.calls(), [])
})

test('a unit that somebody else wrote, and one of another home, are left alone', async (t) => {
  const place = await readyPlace(t)
  const { env } = fakeSystemd(place)
  const install = (...args: string[]) => place.dfs(['service', 'install', '--user', ...args], { env })
  const dir = path.join(place.root, 'user/.config/systemd/user')
  mkdirSync(dir, { recursive: true })
  writeFileSync(path.join(dir, 'dfs.service'), '[Unit]\n')
  const refused = await install()
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, /^dfs: .*not written by dfs[^\n]*--name[^\n]*\n$/)
  assert.equal(readFileSync(path.join(dir, 'dfs.service'), 'utf8'), '[Unit]\n')

  assert.equal((await install('--name', 'mine')).code, 0)
  const other = path.join(place.root, 'other')
  await place.dfsOk(['init'], { env: { DFS_HOME: other } })
  const otherHome = await place.dfs(['service', 'install', '--user', '--name', 'mine'], {
    env: { ...env, DFS_HOME: other },
  })
  assert.equal(otherHome.code, 4)
  assert.match(otherHome.stderr, /another home/)
})

test('without systemd it is said what else there is', async (t) => {
  const place = await readyPlace(t)
  for (const env of [fakeSystemd(place, { state: 'offline' }).env, { PATH: path.join(place.root, 'tmp') }]) {
    const { code, stderr } = await place.dfs(['service', 'install', '--user'], { env })
    assert.equal(code, 1)
    assert.match(stderr, /^dfs: systemd does not run here[^\n]*--print openrc[^\n]*\n$/)
  }
  assert.match(await place.dfsOk(['service', 'install', '--print', 'openrc', place.folder]), /^#!\/sbin\/openrc-run\n/)
  assert.match(await place.dfsOk(['service', 'install', '--print', 'runit', place.folder]), /^#!\/bin\/sh\n/)
})

test('what cannot be a folder or a name is refused', async (t) => {
  const place = await readyPlace(t)
  const { env } = fakeSystemd(place)
  const gone = await place.dfs(['service', 'install', '--user', path.join(place.root, 'nowhere')], { env })
  assert.equal(gone.code, 3)
  assert.match(gone.stderr, /^dfs: .*nowhere: is not there; make it with "mkdir -p [^\n]*\n$/)
  assert.equal((await place.dfs(['service', 'install', '--user', '--name', '../x'], { env })).code, 2)
  assert.equal((await place.dfs(['daemon', '--at', '/mnt'])).code, 2)
})
