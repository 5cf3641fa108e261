import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { isHome } from '../../../src/daemon/address.ts'
import { Home } from '../../../src/daemon/home.ts'
import { KeyFiles } from '../../../src/daemon/key-files.ts'
import { temporaryDirectory } from './temporary.ts'

const personalKey = Buffer.alloc(32, 7)

test('a home is private, and the same when opened again', async (t) => {
  const dir = path.join(temporaryDirectory(t), 'deep', 'home')
  const made = await Home.create(dir, { personalKey, deviceName: 'laptop' })
  const opened = Home.open(dir)
  assert.equal(opened.deviceId, made.deviceId)
  assert.match(opened.deviceId, /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/)
  assert.equal(opened.config.deviceName, 'laptop')
  assert.deepEqual(opened.personalKey, personalKey)
  assert.equal(statSync(dir).mode & 0o777, 0o700)
  for (const name of ['personal.key', 'identity.key']) assert.equal(statSync(path.join(dir, name)).mode & 0o777, 0o600)
})

test('settings are what the file says now, also where it was read before and the clock jumps', async (t) => {
  const dir = temporaryDirectory(t)
  const home = await Home.create(dir, { personalKey })
  for (const laterMs of [0, 60_000, -86_400_000, 86_400_000]) {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + laterMs })
    for (const replicas of [1, 2, 3]) {
      writeFileSync(home.configFile, JSON.stringify({ replicas }))
      assert.deepEqual([home.config.replicas, home.config.replicas], [replicas, replicas])
    }
    rmSync(home.configFile)
    assert.equal(home.config.replicas, 2)
    t.mock.timers.reset()
  }
})

test('a directory without a home is not taken for one', (t) => {
  const dir = temporaryDirectory(t)
  assert.equal(isHome(dir), false)
  assert.throws(() => Home.open(dir), { kind: 'not-found', mend: /dfs init/ })
  assert.deepEqual(readdirSync(dir), [])
})

test('a home that was half made is completed with the keys it has', async (t) => {
  const dir = temporaryDirectory(t)
  const { deviceId } = await Home.create(dir, { personalKey })
  rmSync(path.join(dir, 'format'))
  assert.equal(isHome(dir), false)
  assert.deepEqual(KeyFiles.open(dir).readPersonal()?.personalKey, personalKey)
  const again = await Home.create(dir, { personalKey: Buffer.alloc(32, 8) })
  assert.deepEqual(again.personalKey, personalKey)
  assert.equal(again.deviceId, deviceId)
})

test('a newer or damaged format is refused and left as it is', async (t) => {
  const dir = temporaryDirectory(t)
  await Home.create(dir, { personalKey })
  for (const [text, kind] of [
    ['dfs home 2\n', 'newer-version'],
    ['', 'corrupt'],
    ['dfs home one\n', 'corrupt'],
  ] as const) {
    writeFileSync(path.join(dir, 'format'), text)
    assert.throws(() => Home.open(dir), { kind })
    assert.equal(readFileSync(path.join(dir, 'format'), 'utf8'), text)
  }
})

test('a missing or damaged key is named with its mend', async (t) => {
  const dir = temporaryDirectory(t)
  await Home.create(dir, { personalKey })
  writeFileSync(path.join(dir, 'personal.key'), 'no key')
  assert.throws(() => Home.open(dir), { kind: 'corrupt', mend: /recover/ })
  rmSync(path.join(dir, 'personal.key'))
  assert.throws(() => Home.open(dir), { kind: 'corrupt', message: /personal\.key/, mend: /recover/ })
})

test('homes with one personal key have one owner and devices of their own', async (t) => {
  const dir = temporaryDirectory(t)
  const [one, two] = [
    await Home.create(path.join(dir, '1'), { personalKey }),
    await Home.create(path.join(dir, '2'), { personalKey }),
  ]
  assert.equal(one.ownerId, two.ownerId)
  assert.notEqual(one.deviceId, two.deviceId)
})
