/** `dfs passphrase`, and everything else with keys that are under one. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { decodeBase32, encodeBase32 } from '../../../src/bytes/base32.ts'
import { newDevice, pair } from '../support/device.ts'
import { fakeSystemd } from '../support/fake-systemd.ts'
import { fuseMissing, isMounted } from '../support/mount.ts'
import { isListening, newPlace, type Place } from '../support/place.ts'
import { until, within } from '../support/process.ts'
import { atTerminal, terminalMissing } from '../support/terminal.ts'

const skip = fuseMissing()
const noTerminal = terminalMissing()

/** A file with this passphrase. */
function fileWith(place: Place, passphrase: string): string {
  const file = path.join(place.root, `with ${passphrase}`)
  writeFileSync(file, `${passphrase}\n`, { mode: 0o600 })
  return file
}

/** So that the next command has to start one. */
async function withoutDaemon(place: Place): Promise<void> {
  await place.dfs(['daemon', '--stop'])
  await until('the daemon has ended', () => place.pids().length === 0)
}

const keyText = (place: Place) => readFileSync(path.join(place.home, 'personal.key'), 'utf8')

test('a home made with a passphrase opens with it alone', { skip }, async (t) => {
  const place = newPlace(t)
  const [right, wrong] = [fileWith(place, 'right'), fileWith(place, 'wrong')]
  await place.dfsOk(['mount', place.folder, '--passphrase-file', right])
  assert.match(keyText(place), /^sealed: /m)
  await place.sh(`printf kept > ${place.folder}/file`)
  await place.dfsOk(['status'], {})
  await place.dfsOk(['umount', place.folder])
  await withoutDaemon(place)

  const none = await place.dfs(['mount', place.folder])
  assert.deepEqual([none.code, none.stdout], [12, ''])
  assert.match(none.stderr, /^dfs: [^\n]*under a passphrase[^\n]*--passphrase-file\n$/)
  const other = await place.dfs(['mount', place.folder, '--passphrase-file', wrong])
  assert.deepEqual([other.code, other.stderr], [9, 'dfs: the passphrase is wrong\n'])
  assert.equal(isMounted(place.folder), false)

  await place.dfsOk(['mount', place.folder], { env: { DFS_PASSPHRASE_FILE: right, DEBUG: 'dfs:*' } })
  assert.equal(await place.sh(`cat ${place.folder}/file`), 'kept')
  for (const pid of place.pids()) {
    for (const shown of ['environ', 'cmdline']) {
      assert.doesNotMatch(readFileSync(`/proc/${pid}/${shown}`, 'latin1').replaceAll(right, ''), /right/)
    }
  }
  await place.dfsOk(['umount', place.folder])
  assert.doesNotMatch(readFileSync(path.join(place.home, 'daemon.log'), 'utf8'), /right/)
})

test('a passphrase is set, changed and removed later', async (t) => {
  const place = newPlace(t)
  const [one, two] = [fileWith(place, 'one'), fileWith(place, 'two')]
  await place.dfsOk(['init'])
  const identity = await place.dfsOk(['id'])
  const plain = keyText(place)
  assert.equal((await place.dfs(['passphrase', 'remove'])).code, 3)

  await place.dfsOk(['passphrase', 'set', '--new-passphrase-file', one])
  assert.equal((await place.dfs(['passphrase', 'set', '--new-passphrase-file', two])).code, 4)
  await withoutDaemon(place)
  assert.equal(await place.dfsOk(['id', '--passphrase-file', one]), identity)

  const change = (present: string) =>
    place.dfs(['passphrase', 'change', '--passphrase-file', present, '--new-passphrase-file', two])
  assert.equal((await change(two)).code, 9)
  assert.equal((await change(one)).code, 0)
  await withoutDaemon(place)
  assert.equal((await place.dfs(['id', '--passphrase-file', one])).code, 9)
  assert.equal(await place.dfsOk(['id', '--passphrase-file', two]), identity)

  assert.equal((await place.dfs(['passphrase', 'remove', '--passphrase-file', one])).code, 9)
  await place.dfsOk(['passphrase', 'remove', '--passphrase-file', two])
  await withoutDaemon(place)
  assert.equal(await place.dfsOk(['id']), identity)
  assert.equal(keyText(place), plain)
})

test('once there is a passphrase, no file of a home that was in use holds a key', { skip }, async (t) => {
  const [one, other] = [await newDevice(t), await newDevice(t)]
  await one.dfsOk(['init'])
  const keys = ['personal', 'identity'].map((kind) => {
    const text = readFileSync(path.join(one.home, `${kind}.key`), 'utf8')
    return decodeBase32(/^key: (\S+)/m.exec(text)![1]!)
  })
  const secret = fileWith(one, 'secret')
  await one.dfsOk(['passphrase', 'set', '--new-passphrase-file', secret])
  await pair(one, other)
  await one.dfsOk(['mount', one.folder, '--passphrase-file', secret])
  await one.sh(`printf content > ${one.folder}/file; sync ${one.folder}/file`)
  await one.dfsOk(['peers'])
  await one.dfsOk(['umount', one.folder])
  await withoutDaemon(one)
  const files = readdirSync(one.home, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  assert.ok(files.length > 10)
  for (const { parentPath, name } of files) {
    const bytes = readFileSync(path.join(parentPath, name))
    for (const key of keys) {
      const forms = [key, encodeBase32(key), key.toString('hex'), key.toString('base64').slice(0, 40)]
      for (const form of forms) assert.ok(!bytes.includes(form), path.join(parentPath, name))
    }
  }
})

test('what holds no passphrase is refused, and makes no home', async (t) => {
  const place = newPlace(t)
  for (const content of ['', '\n', 'two\nlines\n', 'nul\0', Buffer.from([0xff, 0xfe])]) {
    const file = path.join(place.root, 'bad')
    writeFileSync(file, content)
    const { code, stderr } = await place.dfs(['init', '--passphrase-file', file])
    assert.equal(code, 2)
    assert.match(stderr, /^dfs: [^\n]+\n$/)
  }
  assert.equal((await place.dfs(['init', '--passphrase-file', path.join(place.root, 'none')])).code, 3)
  const typed = await place.dfs(['passphrase', 'set'])
  assert.equal(typed.code, 3, 'there is no home')
  assert.equal(existsSync(place.home), false)
})

test('at a terminal, a passphrase is asked for, unseen, and three times at most', { skip: noTerminal }, async (t) => {
  const place = newPlace(t)
  const made = await atTerminal(
    t,
    place,
    ['init'],
    [
      ['Passphrase for the keys', 'hush one'],
      ['Once more', 'hush three'],
      ['They differ', 'hush one'],
      ['Once more', 'hush one'],
    ],
  )
  assert.equal(made.code, 0, made.seen)
  assert.doesNotMatch(made.seen, /hush/)
  await withoutDaemon(place)

  const wrong = ['Passphrase: ', 'wrong'] as const
  const right = ['Passphrase: ', 'hush one'] as const
  const refused = await atTerminal(t, place, ['id'], [wrong, wrong, wrong])
  assert.equal(refused.code, 9)
  assert.equal(refused.seen.match(/the passphrase is wrong/g)?.length, 3)
  const letIn = await atTerminal(t, place, ['id'], [wrong, right])
  assert.equal(letIn.code, 0, letIn.seen)

  const changed = await atTerminal(
    t,
    place,
    ['passphrase', 'change'],
    [right, ['New passphrase', 'hush two'], ['Once more', 'hush two']],
  )
  assert.equal(changed.code, 0, changed.seen)
  await withoutDaemon(place)
  const removed = await atTerminal(t, place, ['passphrase', 'remove'], [['Passphrase: ', 'hush two']])
  assert.equal(removed.code, 0, removed.seen)
  assert.match(keyText(place), /^key: /m)
})

test('at a terminal, an empty answer makes a home without a passphrase', { skip: noTerminal }, async (t) => {
  const place = newPlace(t)
  const { code, seen } = await atTerminal(t, place, ['init'], [['Passphrase for the keys', '']])
  assert.equal(code, 0, seen)
  assert.match(keyText(place), /^key: /m)
})

test('recover puts the keys under a passphrase, too', { skip: noTerminal }, async (t) => {
  const [old, fresh, typed] = [newPlace(t), newPlace(t), newPlace(t)]
  const { kit, owner } = JSON.parse(await old.dfsOk(['init', '--json']))
  const secret = ['--passphrase-file', fileWith(fresh, 'secret')]
  assert.equal(JSON.parse(await fresh.dfsOk(['recover', '--json', '-', ...secret], { input: kit })).owner, owner)
  assert.match(keyText(fresh), /^sealed: /m)

  const words = [...kit.matchAll(/\d+ ([a-z]+)/g)].map(([, word]) => word).join(' ')
  const { code, seen } = await atTerminal(
    t,
    typed,
    ['recover', '-'],
    [
      ['Passphrase for the keys', 'secret'],
      ['Once more', 'secret'],
      ['\n', `${words}\r\x04`],
    ],
  )
  assert.equal(code, 0, seen)
  assert.match(keyText(typed), /^sealed: /m)
})

test('a service is given the passphrase in a file, and is not tried again without', async (t) => {
  const place = newPlace(t)
  const secret = fileWith(place, 'secret')
  await place.dfsOk(['init', '--passphrase-file', secret])
  await withoutDaemon(place)
  assert.equal((await place.dfs(['daemon'])).code, 12)
  const [program, ...before] = place.command
  const env = { ...place.env, DFS_PASSPHRASE_FILE: secret }
  const service = spawn(program, [...before, 'daemon'], { env, stdio: 'ignore' })
  const ended = once(service, 'exit')
  await until('the service listens', () => isListening(place))
  await place.dfsOk(['id'])
  service.kill('SIGTERM')
  assert.deepEqual(await within(10_000, ended), [0, null])

  const { env: systemd } = fakeSystemd(place)
  const install = (...args: string[]) => place.dfs(['service', 'install', '--user', ...args], { env: systemd })
  const refused = await install()
  assert.equal(refused.code, 12)
  assert.match(refused.stderr, /^dfs: [^\n]*a service cannot ask; [^\n]*--passphrase-file\n$/)
  const { stdout } = await install('--print', '--passphrase-file', secret)
  assert.ok(stdout.includes(`\nEnvironment="DFS_PASSPHRASE_FILE=${secret}"\n`), stdout)
  assert.match(stdout, /^RestartPreventExitStatus=.*\b12\b/m)
})

test('doctor looks at a home whose keys it cannot read', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init', '--passphrase-file', fileWith(place, 'secret')])
  await withoutDaemon(place)
  assert.match((await place.dfs(['doctor'])).stdout, /^ok +home: .*under a passphrase$/m)
})
