import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { listConfig, readConfig, setConfig } from '../../../src/daemon/config.ts'
import { temporaryDirectory } from './temporary.ts'

const fileIn = (directory: string) => path.join(directory, 'config.json')

test('what is not set has its fallback', (t) => {
  const config = readConfig(fileIn(temporaryDirectory(t)))
  assert.equal(config.versionDays, 365)
  assert.equal(config.driver, 'auto')
})

test('a setting is kept, and "default" takes it back', async (t) => {
  const file = fileIn(temporaryDirectory(t))
  assert.equal((await setConfig(file, 'versionDays', '90')).value, 90)
  assert.equal(readConfig(file).versionDays, 90)
  await setConfig(file, 'versionDays', 'default')
  assert.equal(readConfig(file).versionDays, 365)
  assert.equal(readFileSync(file, 'utf8'), '{}\n')
})

test('a setting may be named in words, and without its unit where that leaves no doubt', async (t) => {
  const file = fileIn(temporaryDirectory(t))
  for (const [typed, key] of [
    ['offer', 'offerBytes'],
    ['local-quota', 'localQuotaBytes'],
    ['local-quota-bytes', 'localQuotaBytes'],
    ['up', 'upBytesPerSecond'],
    ['holder-away', 'holderAwayDays'],
    ['replicas', 'replicas'],
  ] as const) {
    assert.deepEqual(await setConfig(file, typed, '3'), { ...listConfig(readConfig(file), key)[0], value: 3 }, typed)
    assert.equal(readConfig(file)[key], 3)
    assert.equal(listConfig(readConfig(file), typed)[0]?.key, key)
  }
  // versionDays or versionBytes?
  for (const typed of ['version', 'of', '-offer', 'offer-', ''])
    await assert.rejects(setConfig(file, typed, '3'), { kind: 'invalid' }, typed)
})

test('sizes are taken as people write them', async (t) => {
  const file = fileIn(temporaryDirectory(t))
  for (const [text, bytes] of [
    ['20GB', 20_000_000_000],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['512kB', 512_000],
    ['7', 7],
    ['3B', 3],
    ['0', 0],
  ] as const) {
    assert.equal((await setConfig(file, 'localQuotaBytes', text)).value, bytes, text)
  }
  for (const text of ['GB', '-1', '1e9', '1.0001kB', '1 G', '20 GB now', '9999999TB']) {
    await assert.rejects(setConfig(file, 'localQuotaBytes', text), { kind: 'invalid' }, text)
  }
  await assert.rejects(setConfig(file, 'versionDays', '1kB'), { kind: 'invalid' })
})

test('unknown keys, values out of range and other choices are refused, and nothing is changed', async (t) => {
  const file = fileIn(temporaryDirectory(t))
  for (const [key, value] of [
    ['nope', '1'],
    ['__proto__', '1'],
    ['versionDays', '-1'],
    ['versionDays', '1.5'],
    ['versionDays', '1e3'],
    ['sealThreads', '65'],
    ['driver', 'windows'],
    ['deviceName', ''],
    ...['4', '4+', '+2', '1+2', '4+0', '31+2', '0x4+2', '4+2 ', '04+2', 'copy'].map(
      (text) => ['redundancy', text] as const,
    ),
  ] as const) {
    await assert.rejects(setConfig(file, key, value), { kind: 'invalid' }, `${key}=${value}`)
  }
  assert.throws(() => readFileSync(file), { code: 'ENOENT' })
})

test('a file with an unknown key is refused with the mend', (t) => {
  const file = fileIn(temporaryDirectory(t))
  writeFileSync(file, '{"cacheSize": 3}')
  assert.throws(() => readConfig(file), { kind: 'invalid', message: /cacheSize/, mend: new RegExp(file) })
})

test('a file that is no JSON object is refused', (t) => {
  const file = fileIn(temporaryDirectory(t))
  for (const text of ['', '{', '[]', 'null', '3']) {
    writeFileSync(file, text)
    assert.throws(() => readConfig(file), { kind: 'invalid' }, text)
  }
})

test('settings are listed with what they mean, all or one', (t) => {
  const config = readConfig(fileIn(temporaryDirectory(t)))
  assert.ok(listConfig(config).every(({ about }) => about.length > 0))
  assert.deepEqual(
    listConfig(config, 'driver').map(({ key }) => key),
    ['driver'],
  )
  assert.throws(() => listConfig(config, 'nope'), { kind: 'invalid' })
})

test('redundancy is copies, or any K+M that can be', async (t) => {
  const file = fileIn(temporaryDirectory(t))
  for (const text of ['copies', '2+1', '4+2', '30+2', '16+16']) {
    assert.equal((await setConfig(file, 'redundancy', text)).value, text)
  }
  await assert.rejects(setConfig(file, 'redundancy', '1+1'), {
    kind: 'invalid',
    message: '"redundancy" takes "copies" or "K+M" (K 2 or more, M 1 or more, together 32 at most), 4+2 for example',
  })
})
