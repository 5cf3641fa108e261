/**
 * Space is freed, and nothing is lost: two devices of one person and one of a friend, on loopback. What is written on the
 * first is copied to the others, evicted, and opened again.
 */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { runOk, until, within } from '../support/process.ts'
import { mountAll, readIn } from '../support/sharing.ts'

const skip = fuseMissing()
const MIB = 1024 * 1024
/** As long as a busy machine may take to copy some megabytes. */
const SAFE_S = '120'
const PATIENCE = { deadlineMs: 150_000 }
const OWN_ATTRIBUTES = fileURLToPath(new URL('../support/own-attributes.ts', import.meta.url))

const FILES: Readonly<Record<string, Buffer>> = {
  'film.bin': noise(9 * MIB, 1),
  'photos/one.jpg': noise(700_000, 2),
  'photos/two.jpg': noise(300_000, 3),
  'note.txt': Buffer.from('a note that fits into its stub'),
}

/** The first one's own second device lends it space; a friend's does not yet. */
async function threeDevices(t: TestContext) {
  const laptop = await newDevice(t, { config: { replicas: 2 } })
  const desktop = await newDevice(t, { config: { offerBytes: 1e9 } })
  const friend = await newDevice(t, { config: { offerBytes: 0 } })
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, desktop)
  await pair(laptop, friend, '--member')
  await mountAll(desktop, friend, laptop)
  return { laptop, friend }
}

async function put(device: Device, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(device.folder, name)
    await within(10_000, mkdir(path.dirname(file), { recursive: true }), `mkdir for ${name}`)
    await within(30_000, writeFile(file, content), `writing ${name}`)
  }
}

/** What the device's block store takes on its disk; blocks may go meanwhile. */
function storedBytes(device: Device): number {
  const blocks = path.join(device.home, 'blocks')
  const names = readdirSync(blocks, { recursive: true, encoding: 'utf8' })
  const stats = names.map((name) => statSync(path.join(blocks, name), { throwIfNoEntry: false }))
  return stats.reduce((sum, stat) => sum + (stat?.isFile() ? stat.size : 0), 0)
}

const stateOf = async (device: Device, name: string): Promise<string> =>
  (await device.json('status', path.join(device.folder, name))).file.state

/** State, replicas and local bytes of a file in the mounted folder, as another process sees them. */
async function attributesOf(device: Device, name: string): Promise<string[]> {
  const told = await runOk(process.execPath, [OWN_ATTRIBUTES, path.join(device.folder, name)])
  return told.trimEnd().split('\n')
}

const wait = (device: Device, ...args: string[]) => device.dfsOk(['wait', ...args, '--timeout', SAFE_S], PATIENCE)

test('three devices', { skip }, async (t) => {
  const { laptop, friend } = await threeDevices(t)
  const film = path.join(laptop.folder, 'film.bin')

  await t.test('what is not safe stays, and everybody is told', async () => {
    await put(laptop, { 'film.bin': FILES['film.bin']! })
    await wait(laptop, film, '--replicas', '1')
    assert.equal(await stateOf(laptop, 'film.bin'), 'replicated 1/2')

    const late = await laptop.dfs(['wait', film, '--timeout', '1'])
    assert.equal(late.code, 10)
    assert.match(late.stderr, /^dfs: .*1 of 1 files are not on 2 other devices yet; .*offerBytes[^\n]*\n$/)
    const never = await laptop.dfs(['wait', film, '--replicas', '3'])
    assert.match(never.stderr, /^dfs: .*3 other devices are wanted, and 2 can count; invite another/)

    const before = storedBytes(laptop)
    const evicted = await laptop.dfs(['evict', film])
    assert.equal(evicted.code, 14)
    assert.match(evicted.stdout, /1 file not evicted: not safe on enough other devices yet; "dfs wait PATH" says when/)
    assert.equal(storedBytes(laptop), before)
    const { stderr } = await laptop.dfs(['umount', laptop.folder])
    assert.match(stderr, /^1 file, 9\.0 MiB, not safe on enough other devices/)
  })

  await t.test('what others come to hold is evicted, and read without a mount', async () => {
    await friend.dfsOk(['config', 'set', 'offerBytes', '1GB'])
    await wait(laptop, laptop.folder)
    assert.partialDeepStrictEqual(await laptop.json('evict', laptop.folder), { files: 1, kept: [] })
    const { stdoutBytes } = await laptop.dfs(['cat', `${film}.f`], PATIENCE)
    assert.ok(stdoutBytes.equals(FILES['film.bin']!))
  })

  await t.test('space is free at once, but what is pinned stays; all opens again', async () => {
    await mountAll(laptop)
    await put(laptop, FILES)
    await wait(laptop, laptop.folder)
    for (const name of Object.keys(FILES)) assert.equal(await stateOf(laptop, name), 'replicated 2/2', name)
    assert.deepEqual(await attributesOf(laptop, 'film.bin'), ['replicated 2/2', '2', String(9 * MIB)])

    await laptop.dfsOk(['pin', path.join(laptop.folder, 'photos/one.jpg')])
    const before = storedBytes(laptop)
    const evicted = await laptop.dfs(['evict', laptop.folder, '--json'])
    assert.equal(evicted.code, 14)
    assert.partialDeepStrictEqual(JSON.parse(evicted.stdout), { files: 2, kept: [{ why: 'pinned', files: 1 }] })
    assert.ok(storedBytes(laptop) < before - 9 * MIB, `${before} bytes before, ${storedBytes(laptop)} after`)
    assert.deepEqual(await attributesOf(laptop, 'film.bin'), ['evicted', '2', '0'])
    assert.equal(await stateOf(laptop, 'photos/one.jpg'), 'replicated 2/2', 'it is pinned')
    assert.equal(await stateOf(laptop, 'note.txt'), 'replicated 2/2', 'it has no blocks')
    assert.match(await laptop.dfsOk(['verify']), /more are kept by other devices\nEverything is as it should be/)
    for (const [name, content] of Object.entries(FILES)) assert.ok((await readIn(laptop, name)).equals(content), name)
  })

  await t.test('what was unpinned goes, and is brought back', async () => {
    await laptop.dfsOk(['unpin', path.join(laptop.folder, 'photos')])
    await laptop.json('evict', laptop.folder)
    assert.equal(await stateOf(laptop, 'photos/one.jpg'), 'evicted')
    const hydrated = await laptop.json('hydrate', path.join(laptop.folder, 'photos'))
    assert.partialDeepStrictEqual(hydrated, { files: 2, failed: [] })
    assert.ok(hydrated.bytes > 1_000_000)
    assert.equal(await stateOf(laptop, 'photos/one.jpg'), 'replicated 2/2')
  })

  await t.test('a quota makes room by itself', async () => {
    await laptop.json('hydrate', laptop.folder)
    await laptop.dfsOk(['config', 'set', 'localQuotaBytes', '2MB'])
    await until('the quota is kept', () => storedBytes(laptop) < 2_000_000, 60_000)
    assert.ok((await readIn(laptop, 'film.bin')).equals(FILES['film.bin']!))
    const { stderr } = await laptop.dfs(['umount', laptop.folder])
    assert.equal(stderr, '', 'all of it is safe')
  })
})
