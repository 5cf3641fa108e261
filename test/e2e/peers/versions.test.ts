/** What one device overwrites or deletes is kept on the other, too, and comes back on both from either. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { connected } from '../support/sharing.ts'

const skip = fuseMissing()
const SOON_MS = 30_000
const FIRST = noise(300_000, 1)
const SECOND = noise(200_000, 2)

const soon = <T>(work: Promise<T>): Promise<T> => within(SOON_MS, work)
const at = (device: Device, name: string) => path.join(device.folder, name)

async function shows(device: Device, name: string, content: Buffer): Promise<void> {
  const isThere = async () => {
    const found = await soon(fs.readFile(at(device, name))).catch(() => undefined)
    return found?.equals(content) === true
  }
  await until(`${name} is as it was written`, isThere, SOON_MS)
}

async function gone(device: Device, name: string): Promise<void> {
  const isGone = async () => (await soon(fs.stat(at(device, name))).catch(() => undefined)) === undefined
  await until(`${name} is gone`, isGone, SOON_MS)
}

async function sizesKept(device: Device, name: string): Promise<number[]> {
  const { versions } = await device.json('history', at(device, name))
  return versions.map(({ size }: { size: number }) => size)
}

/** Both have a file that nobody has read on the desktop. */
async function twoDevices(t: TestContext): Promise<{ laptop: Device; desktop: Device }> {
  const laptop = await newDevice(t, { config: { keepDeletedAfterSeconds: 0 } })
  const desktop = await newDevice(t)
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await laptop.dfsOk(['mount', laptop.folder])
  await soon(fs.mkdir(at(laptop, 'papers')))
  for (const name of ['papers/report', 'papers/letter']) {
    await soon(fs.writeFile(at(laptop, name), FIRST))
    await soon(fs.utimes(at(laptop, name), 1_000_000_000, 1_000_000_000))
  }
  await pair(laptop, desktop)
  await desktop.dfsOk(['mount', desktop.folder])
  await connected(desktop)
  for (const name of ['report', 'letter']) {
    const isThere = () => soon(fs.stat(at(desktop, `papers/${name}`)).then(Boolean, () => false))
    await until(`${name} is on both`, isThere, SOON_MS)
  }
  return { laptop, desktop }
}

test('what another device did is among the earlier versions, and can be taken back', { skip }, async (t) => {
  const { laptop, desktop } = await twoDevices(t)

  await t.test('a file that it overwrote', async () => {
    await soon(fs.writeFile(at(laptop, 'papers/report'), SECOND))
    await shows(desktop, 'papers/report', SECOND)
    assert.deepEqual(await sizesKept(desktop, 'papers/report'), [FIRST.length])
    assert.deepEqual(await sizesKept(laptop, 'papers/report'), [FIRST.length])
    const shown = at(desktop, '.dfs/versions/papers/report')
    const [version] = await soon(fs.readdir(shown))
    assert.ok((await soon(fs.readFile(path.join(shown, version!)))).equals(FIRST))
    await desktop.dfsOk(['restore', at(desktop, 'papers/report')])
    await shows(laptop, 'papers/report', FIRST)
    await shows(desktop, 'papers/report', FIRST)
    assert.deepEqual(await sizesKept(desktop, 'papers/report'), [SECOND.length, FIRST.length])
    assert.deepEqual(await sizesKept(laptop, 'papers/report'), [SECOND.length, FIRST.length])
  })

  await t.test('a directory that it deleted with what was in it', async () => {
    await soon(fs.rm(at(laptop, 'papers'), { recursive: true }))
    await gone(desktop, 'papers')
    assert.deepEqual(await sizesKept(desktop, 'papers/letter'), [FIRST.length])
    await desktop.dfsOk(['restore', at(desktop, 'papers/letter')])
    await shows(desktop, 'papers/letter', FIRST)
    await shows(laptop, 'papers/letter', FIRST)
  })
})
