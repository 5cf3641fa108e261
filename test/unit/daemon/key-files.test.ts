import assert from 'node:assert/strict'
import { copyFileSync, existsSync, linkSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { Home } from '../../../src/daemon/home.ts'
import { KeyFiles } from '../../../src/daemon/key-files.ts'
import { temporaryDirectory } from './temporary.ts'

const personalKey = Buffer.alloc(32, 7)
const NAMES = ['personal.key', 'identity.key'] as const

/** A home without a passphrase, its key files, and what they say. */
async function newHome(t: TestContext) {
  const dir = temporaryDirectory(t)
  const { deviceId } = await Home.create(dir, { personalKey })
  const textOf = (name: string) => readFileSync(path.join(dir, name), 'utf8')
  const opens = async (passphrase?: string) => {
    const keyFiles = await KeyFiles.unlock(dir, passphrase)
    const home = Home.open(dir, keyFiles)
    assert.deepEqual([home.personalKey, home.deviceId], [personalKey, deviceId])
    return keyFiles
  }
  return { dir, textOf, opens, plain: NAMES.map(textOf) }
}

test('keys under a passphrase open with it alone, and nothing of them is in clear', async (t) => {
  const { dir, textOf, opens, plain } = await newHome(t)
  await (await opens()).setPassphrase('one')
  for (const [i, name] of NAMES.entries()) {
    assert.ok(!textOf(name).includes(/key: (\S+)/.exec(plain[i]!)![1]!))
    assert.match(textOf(name), /^sealed: /m)
  }
  await opens('one')
  await assert.rejects(KeyFiles.unlock(dir, 'two'), { kind: 'wrong-key' })
  await assert.rejects(KeyFiles.unlock(dir, undefined), { kind: 'needs-confirmation' })
  assert.throws(() => Home.open(dir), { kind: 'needs-confirmation', mend: /--passphrase-file/ })
})

test('a passphrase is set, changed and removed by who knows it', async (t) => {
  const { dir, opens, textOf, plain } = await newHome(t)
  const keyFiles = await opens()
  await assert.rejects(keyFiles.removePassphrase('one'), { kind: 'not-found' })
  await keyFiles.setPassphrase('one')
  await assert.rejects(keyFiles.setPassphrase('two'), { kind: 'exists' })
  await assert.rejects(keyFiles.changePassphrase('two', 'three'), { kind: 'wrong-key' })
  await assert.rejects(keyFiles.removePassphrase('two'), { kind: 'wrong-key' })
  await opens('one')
  await keyFiles.changePassphrase('one', 'two')
  await assert.rejects(KeyFiles.unlock(dir, 'one'), { kind: 'wrong-key' })
  await (await opens('two')).removePassphrase('two')
  assert.ok(!existsSync(path.join(dir, 'passphrase.key')))
  assert.deepEqual(NAMES.map(textOf), plain)
  await opens()
})

test('new keys of a home under a passphrase are under it, too', async (t) => {
  const { dir, opens, textOf } = await newHome(t)
  const keyFiles = await opens()
  await keyFiles.setPassphrase('one')
  const home = Home.open(dir, keyFiles)
  await home.advance({ personalKey: Buffer.alloc(32, 8), epoch: 1 }, [{ personalKey, epoch: 0 }])
  assert.match(textOf('personal.key'), /^sealed: /m)
  const again = Home.open(dir, await KeyFiles.unlock(dir, 'one'))
  assert.deepEqual([again.personalKey, again.epoch], [Buffer.alloc(32, 8), 1])
})

// All states between the steps of setting and removing.
for (const left of [[0], [1], [0, 1]]) {
  const names = left.map((i) => NAMES[i]!)
  test(`${names.join(' and ')} that a stop in between left plain: all opens with the passphrase, and is sealed then`, async (t) => {
    const { dir, opens, textOf, plain } = await newHome(t)
    await (await opens()).setPassphrase('one')
    for (const i of left) writeFileSync(path.join(dir, NAMES[i]!), plain[i]!)
    await assert.rejects(KeyFiles.unlock(dir, undefined), { kind: 'needs-confirmation' })
    const keyFiles = await opens('one')
    await keyFiles.complete()
    for (const name of NAMES) assert.match(textOf(name), /^sealed: /m)
    await opens('one')
  })
}

test('what stood in a key file is overwritten once it is sealed, but for a copy that has it by another name', async (t) => {
  const { dir, opens, plain } = await newHome(t)
  const [personal, identity] = NAMES.map((name) => path.join(dir, name)) as [string, string]
  const old = openSync(personal, 'r')
  linkSync(identity, path.join(dir, 'backup'))
  await (await opens()).setPassphrase('one')
  const left = Buffer.alloc(1000)
  const length = readSync(old, left, 0, left.length, 0)
  assert.deepEqual([length, left.every((byte) => byte === 0)], [plain[0]!.length, true])
  assert.equal(readFileSync(path.join(dir, 'backup'), 'utf8'), plain[1])
})

test('keys whose passphrase file is gone, or is that of another home, are told of as that', async (t) => {
  const [one, other] = [await newHome(t), await newHome(t)]
  for (const { opens } of [one, other]) await (await opens()).setPassphrase('one')
  copyFileSync(path.join(other.dir, 'passphrase.key'), path.join(one.dir, 'passphrase.key'))
  await assert.rejects(one.opens('one'), { kind: 'wrong-key', message: /another home/ })
  rmSync(path.join(one.dir, 'passphrase.key'))
  await assert.rejects(one.opens(), { kind: 'corrupt', message: /passphrase\.key is missing/ })
})
