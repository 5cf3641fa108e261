import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { newPlace } from '../support/place.ts'

/** The 24 words of a kit, as a person would type them. */
function wordsOf(kit: string): string {
  return [...kit.matchAll(/\d+ ([a-z]+)/g)].map(([, word]) => word).join(' ')
}

test('init makes a private home and shows the recovery kit, once by itself', async (t) => {
  const place = newPlace(t)
  const first = await place.dfsOk(['init', '--name', 'laptop'])
  assert.equal(wordsOf(first.slice(first.indexOf('#'))).split(' ').length, 24)
  assert.equal(statSync(place.home).mode & 0o777, 0o700)

  const second = await place.dfsOk(['init'])
  assert.match(second, /unchanged/)
  assert.doesNotMatch(second, /recovery kit/)
  const identity = JSON.parse(await place.dfsOk(['id', '--json']))
  assert.equal(identity.name, 'laptop')
  assert.match(identity.device, /^12D3KooW/)
})

test('the name that init is given counts where settings are there already, and they stay', async (t) => {
  const place = newPlace(t)
  mkdirSync(place.home, { mode: 0o700 })
  writeFileSync(path.join(place.home, 'config.json'), '{"versionDays":7}')
  await place.dfsOk(['init', '--name', 'laptop'])
  const config = JSON.parse(readFileSync(path.join(place.home, 'config.json'), 'utf8'))
  assert.deepEqual(config, { versionDays: 7, deviceName: 'laptop' })
})

test('commands without a home say so and make none', async (t) => {
  const place = newPlace(t)
  const { code, stderr } = await place.dfs(['status'])
  assert.equal(code, 3)
  assert.match(stderr, /^dfs: .*run "dfs init"[^\n]*\n$/)
  assert.equal(existsSync(place.home), false)
})

test('recover brings a new home to the same owner, and leaves another home alone', async (t) => {
  const [old, fresh, other] = [newPlace(t), newPlace(t), newPlace(t)]
  const { kit, owner } = JSON.parse(await old.dfsOk(['init', '--json']))
  const recovered = JSON.parse(await fresh.dfsOk(['recover', '--json', '-'], { input: kit }))
  assert.equal(recovered.owner, owner)
  assert.match(await fresh.dfsOk(['recover', ...wordsOf(kit).split(' ')]), /unchanged/)

  await other.dfsOk(['init'])
  const key = readFileSync(path.join(other.home, 'personal.key'), 'utf8')
  const { code, stderr } = await other.dfs(['recover', wordsOf(kit)])
  assert.equal(code, 4)
  assert.match(stderr, /^dfs: .*another personal key[^\n]*\n$/)
  assert.equal(readFileSync(path.join(other.home, 'personal.key'), 'utf8'), key)
})

test('recover brings a home of the public network back to it', async (t) => {
  const [old, fresh] = [newPlace(t), newPlace(t)]
  const { kit, owner } = JSON.parse(await old.dfsOk(['init', '--public', '--json']))
  assert.equal(JSON.parse(await fresh.dfsOk(['recover', '--json', '-'], { input: kit })).owner, owner)
  assert.equal(JSON.parse(await fresh.dfsOk(['status', '--json'])).network.kind, 'public')
})

test('recover names the word that is wrong', async (t) => {
  const place = newPlace(t)
  const { code, stderr } = await place.dfs(['recover', Array(24).fill('abandon').with(3, 'abandom').join(' ')])
  assert.equal(code, 2)
  assert.match(stderr, /^dfs: word 4, "abandom"[^\n]*\n$/)
})

test('config shows, keeps and refuses settings', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  await place.dfsOk(['config', 'set', 'versionDays', '90'])
  const settings: { key: string; value: unknown }[] = JSON.parse(await place.dfsOk(['config', 'get', '--json']))
  assert.equal(settings.find(({ key }) => key === 'versionDays')?.value, 90)
  assert.equal((await place.dfs(['config', 'set', 'nope', '1'])).code, 2)
})

test('a home of a newer dfs is refused and left as it is', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  await place.dfs(['daemon', '--stop'])
  writeFileSync(path.join(place.home, 'format'), 'dfs home 99\n')
  const { code, stderr } = await place.dfs(['id'])
  assert.equal(code, 8)
  assert.match(stderr, /^dfs: .*format 99[^\n]*\n$/)
  assert.equal(readFileSync(path.join(place.home, 'format'), 'utf8'), 'dfs home 99\n')
})

test('doctor examines a machine with and without a home', async (t) => {
  const place = newPlace(t)
  const before: { name: string; status: string }[] = JSON.parse((await place.dfs(['doctor', '--json'])).stdout)
  assert.equal(before.find(({ name }) => name === 'home')?.status, 'warning')
  assert.equal(existsSync(place.home), false)
  await place.dfsOk(['init'])
  writeFileSync(path.join(place.home, 'config.json'), '{"nope": 1}')
  const { code, stdout } = await place.dfs(['doctor', '--json'])
  assert.equal(code, 13)
  const after: { name: string; status: string; finding: string }[] = JSON.parse(stdout)
  assert.equal(after.find(({ name }) => name === 'Node')?.status, 'ok')
  assert.partialDeepStrictEqual(
    after.find(({ name }) => name === 'settings'),
    { status: 'problem' },
  )
})

test('a home that cannot be made is one line', async (t) => {
  const place = newPlace(t)
  const file = path.join(place.root, 'file')
  writeFileSync(file, '')
  for (const home of [file, path.join(file, 'below')]) {
    const { code, stderr } = await place.dfs(['init'], { env: { DFS_HOME: home } })
    assert.equal(code, 4, stderr)
    assert.match(stderr, /^dfs: [^\n]+\n$/)
  }
})
