/**
 * Space is freed, and nothing is lost: two devices of one person and one of a friend, on loopback. What is written on the
 * first is copied to the others, evicted, and opened again.
 */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { connected, mountAll, readIn, stopDaemon } from '../support/sharing.ts'

const skip = fuseMissing()
const MIB = 1024 * 1024
const SAFE_S = '60'

const FILES: Readonly<Record<string, Buffer>> = {
  'film.bin': noise(9 * MIB, 1),
  'photos/one.jpg': noise(700_000, 2),
  'photos/two.jpg': noise(300_000, 3),
  'note.txt': Buffer.from('a note that fits into its stub'),
}

/** The first one's own second device, and a friend's, lend it space. */
async function threeDevices(t: TestContext, config: Readonly<Record<string, string | number>> = {}) {
  const laptop = await newDevice(t, { config: { replicas: 2, ...config } })
  const desktop = await newDevice(t, { config: { offerBytes: 1e9 } })
  const friend = await newDevice(t, { config: { offerBytes: 1e9 } })
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, desktop)
  await pair(laptop, friend, '--member')
  await mountAll(desktop, friend, laptop)
  await connected(laptop, 2)
  return { laptop, desktop, friend }
}

async function put(device: Device, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(device.folder, name)
    await within(10_000, mkdir(path.dirname(file), { recursive: true }), `mkdir for ${name}`)
    await within(30_000, writeFile(file, content), `writing ${name}`)
  }
}

/** What the device's block store takes on its disk. */
function storedBytes(device: Device): number {
  const blocks = path.join(device.home, 'blocks')
  const files = readdirSync(blocks, { recursive: true, encoding: 'utf8' }).map((name) =>
    statSync(path.join(blocks, name)),
  )
  return files.reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
}

const stateOf = async (device: Device, name: string): Promise<string> =>
  (await device.json('status', path.join(device.folder, name))).file.state

test('what is written is copied, evicted, and opens again; space is free at once', { skip }, async (t) => {
  const { laptop } = await threeDevices(t)
  await put(laptop, FILES)
  const waited = await laptop.json('wait', laptop.folder, '--timeout', SAFE_S)
  assert.partialDeepStrictEqual(waited, { files: 4, replicas: 2, plainFiles: 0 })
  for (const name of Object.keys(FILES)) assert.equal(await stateOf(laptop, name), 'replicated 2/2', name)

  const before = storedBytes(laptop)
  const evicted = await laptop.json('evict', laptop.folder)
  assert.deepEqual(evicted.kept, [])
  assert.equal(evicted.files, 4)
  assert.ok(storedBytes(laptop) < before - 9 * MIB, `${before} bytes before, ${storedBytes(laptop)} after`)
  assert.equal(await stateOf(laptop, 'film.bin'), 'evicted')
  assert.equal(await stateOf(laptop, 'note.txt'), 'replicated 2/2', 'it has no blocks')

  for (const [name, content] of Object.entries(FILES)) assert.ok((await readIn(laptop, name)).equals(content), name)
})
