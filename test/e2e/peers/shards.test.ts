/**
 * Blocks in shards, 4+2 on six devices of which none has a block: written, evicted, read while two are gone, mended, and
 * brought back on an empty machine. Real daemons on loopback.
 */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { forgetPages, mountAll, readIn, readPart, stopDaemon } from '../support/sharing.ts'

const skip = fuseMissing()
const MIB = 1024 * 1024
const SAFE_S = '400'
const PATIENCE = { deadlineMs: 420_000 }
const READ_MS = 120_000
const LENDERS = 6
const OFFER_BYTES = 100_000_000
/** Eight daemons share a busy machine: what comes late is no failure. */
const PATIENT = { fetchTimeoutSeconds: 60 }
/** Of devices that begin again, on a busy machine. */
const COME_BACK_MS = 180_000

const FILES: Readonly<Record<string, Buffer>> = {
  'film.bin': noise(12 * MIB, 1),
  'photos/one.jpg': noise(700_000, 2),
  'small.bin': noise(9_000, 3),
  'note.txt': Buffer.from('a note that fits into its stub'),
}
const FILE_BYTES = Object.values(FILES).reduce((sum, { length }) => sum + length, 0)

/** Six friends, each an owner of its own, who can read nothing. */
async function laptopAndFriends(t: TestContext) {
  const laptop = await newDevice(t, { config: { redundancy: '4+2', ...PATIENT } })
  const { kit } = await laptop.json('init', '--name', 'laptop')
  const friends: Device[] = []
  for (let index = 0; index < LENDERS; index++) {
    const friend = await newDevice(t, { config: { offerBytes: OFFER_BYTES, ...PATIENT } })
    await pair(laptop, friend, '--member')
    friends.push(friend)
  }
  await mountAll(...friends, laptop)
  return { laptop, friends, kit: kit as string }
}

async function put(device: Device, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(device.folder, name)
    await within(20_000, mkdir(path.dirname(file), { recursive: true }), `mkdir for ${name}`)
    await within(60_000, writeFile(file, content), `writing ${name}`)
  }
}

function blockFiles(device: Device): string[] {
  const blocks = path.join(device.home, 'blocks')
  const found = readdirSync(blocks, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return found.map((entry) => path.join(entry.parentPath, entry.name))
}

function storedBytes(device: Device): number {
  const stats = blockFiles(device).map((file) => statSync(file, { throwIfNoEntry: false }))
  return stats.reduce((sum, stat) => sum + (stat?.size ?? 0), 0)
}

const stateOf = async (device: Device, name: string): Promise<string> =>
  (await device.json('status', path.join(device.folder, name))).file.state

const wait = (device: Device, ...args: string[]) => device.dfsOk(['wait', ...args, '--timeout', SAFE_S], PATIENCE)

async function assertReads(device: Device): Promise<void> {
  for (const [name, content] of Object.entries(FILES)) {
    await forgetPages(device, name)
    assert.ok((await readIn(device, name, READ_MS)).equals(content), name)
  }
}

/** Frees the space of all that is safe; nothing of it stays but what is not in blocks. A holder may come back only now. */
async function evictAll(device: Device): Promise<void> {
  await until(
    'all is evicted',
    async () => (await device.dfs(['evict', device.folder], PATIENCE)).code === 0,
    COME_BACK_MS,
  )
  assert.equal(await stateOf(device, 'film.bin'), 'evicted')
}

async function allBack(device: Device, others: number): Promise<void> {
  const isBack = async () => (await device.json('peers')).peers.length >= others
  await until(`${others} devices are back`, isBack, COME_BACK_MS)
}

test('a folder in shards', { skip }, async (t) => {
  const { laptop, friends, kit } = await laptopAndFriends(t)

  await t.test('takes half as much again on others, and frees all here', async () => {
    await put(laptop, FILES)
    await wait(laptop, laptop.folder)
    for (const name of ['film.bin', 'photos/one.jpg']) {
      assert.equal(await stateOf(laptop, name), 'replicated 3/3', name)
    }
    assert.match(await stateOf(laptop, 'small.bin'), /^replicated [3-6]\/3$/, 'as copies')
    const lent = friends.reduce((sum, friend) => sum + storedBytes(friend), 0)
    // Somebody whose answer was lost may hold a shard that nobody knows of.
    assert.ok(lent > 1.5 * FILE_BYTES && lent < 2 * FILE_BYTES, `${lent} bytes for ${FILE_BYTES}`)
    await until('no shard is left here', () => storedBytes(laptop) < 1.01 * FILE_BYTES, 60_000)
    await evictAll(laptop)
    assert.ok(storedBytes(laptop) < 100_000, `${storedBytes(laptop)} bytes are left`)
    assert.match(await laptop.dfsOk(['verify']), /more are kept by other devices\nEverything is as it should be/)
  })

  await t.test('is read back while two of the six are gone', async () => {
    for (const gone of friends.slice(0, 2)) await stopDaemon(gone)
    await forgetPages(laptop, 'film.bin')
    const part = await readPart(laptop, 'film.bin', { at: 5 * MIB + 17, bytes: 100_000 })
    assert.ok(part.equals(FILES['film.bin']!.subarray(5 * MIB + 17, 5 * MIB + 17 + 100_000)))
    await assertReads(laptop)
    // That they do not answer is no loss. What was read is kept a moment later.
    const isWhole = async () => (await stateOf(laptop, 'film.bin')) === 'replicated 3/3'
    await until('all of it is here again', isWhole, 60_000)
    await mountAll(...friends.slice(0, 2))
    await allBack(laptop, LENDERS)
  })

  await t.test('is kept by a collection, for its blocks are needed', async () => {
    await evictAll(laptop)
    await laptop.dfsOk(['config', 'set', 'gcGraceMinutes', '0'])
    await laptop.dfsOk(['gc'], PATIENCE)
    assert.equal(await stateOf(laptop, 'film.bin'), 'evicted')
    await assertReads(laptop)
  })

  await t.test('gets another holder for what one has lost, of what the others have', async () => {
    await evictAll(laptop)
    const late = await newDevice(t, { config: { offerBytes: OFFER_BYTES, ...PATIENT } })
    await pair(laptop, late, '--member')
    await mountAll(late)
    const lost = friends.pop()!
    const { device } = await lost.json('id')
    await laptop.dfsOk(['devices', 'remove', device])
    await stopDaemon(lost)
    friends.push(late)
    // A daemon that has searched for long rests for long; one that begins looks at once.
    await stopDaemon(laptop)
    await mountAll(laptop)
    await until('it is whole again', async () => storedBytes(late) > 3 * MIB, 400_000)
    await wait(laptop, laptop.folder)
    assert.equal(await stateOf(laptop, 'film.bin'), 'evicted', 'nothing was kept of what it was made of')
    await assertReads(laptop)
  })

  await t.test('comes back on an empty machine, from those who can read nothing', async () => {
    const via = (await friends[0]!.json('peers')).network.addresses[0]
    await stopDaemon(laptop)
    for (const gone of [laptop.home, laptop.folder]) await rm(gone, { recursive: true })
    for (const gone of friends.slice(1, 3)) await stopDaemon(gone)
    const fresh = await newDevice(t, { config: PATIENT })
    const to = path.join(fresh.root, 'back')
    const args = ['recover', '--json', '--name', 'new', '--via', via, '--to', to, '-']
    const { found } = JSON.parse(await fresh.dfsOk(args, { input: kit, ...PATIENCE }))
    assert.equal(found.folders.length, 1)
    const back = { ...fresh, folder: path.join(to, 'folder') }
    await back.dfsOk(['mount', back.folder])
    await allBack(back, 4)
    await assertReads(back)
  })
})
