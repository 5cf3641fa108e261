/** The index of a synced folder is lost or damaged: the folder comes to be the same again, and nothing in it is lost. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { connected, stopDaemon } from '../support/sharing.ts'

const skip = fuseMissing()
const SOON_MS = 30_000

const soon = <T>(work: Promise<T>): Promise<T> => within(SOON_MS, work)
const at = (device: Device, name: string) => path.join(device.folder, name)

/** Texts of files by path; undefined while something cannot be read yet. */
async function shown(device: Device): Promise<Record<string, string> | undefined> {
  const names = await soon(fs.readdir(device.folder, { recursive: true, withFileTypes: true }))
  const texts: Record<string, string> = {}
  for (const entry of names) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    const text = await soon(fs.readFile(file, 'utf8')).catch(() => undefined)
    if (text === undefined) return undefined
    texts[path.relative(device.folder, file)] = text
  }
  return Object.fromEntries(Object.entries(texts).sort())
}

async function isSettled(device: Device): Promise<boolean> {
  const { folders } = await device.json('folders')
  return folders[0].settled
}

async function same(devices: readonly Device[], wanted: Record<string, string>): Promise<void> {
  const isSame = async () => {
    const all = await Promise.all(devices.map(shown))
    return all.every((one) => JSON.stringify(one) === JSON.stringify(wanted))
  }
  await until('all is the same', isSame, SOON_MS).catch(async () => {
    for (const device of devices) assert.deepEqual(await shown(device), wanted)
  })
  for (const device of devices) await until('it has come to rest', () => isSettled(device), SOON_MS)
  for (const device of devices) assert.deepEqual(await shown(device), wanted)
}

async function stop(device: Device): Promise<void> {
  await device.dfs(['umount', device.folder])
  await stopDaemon(device)
}

const FILES = { 'album/a.txt': 'a', 'album/b.txt': 'b', edited: 'old', removed: 'removed', kept: 'kept' }

/** Both have the files, and know of one that was deleted. */
async function sharing(t: TestContext): Promise<{ laptop: Device; desktop: Device }> {
  const laptop = await newDevice(t)
  const desktop = await newDevice(t)
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await laptop.dfsOk(['mount', laptop.folder])
  await soon(fs.mkdir(at(laptop, 'album')))
  for (const [name, text] of Object.entries({ ...FILES, 'long gone': 'text' })) {
    await soon(fs.writeFile(at(laptop, name), text))
  }
  await pair(laptop, desktop)
  await desktop.dfsOk(['mount', desktop.folder])
  await connected(desktop)
  await same([laptop, desktop], Object.fromEntries(Object.entries({ ...FILES, 'long gone': 'text' }).sort()))
  await soon(fs.rm(at(desktop, 'long gone')))
  await same([laptop, desktop], Object.fromEntries(Object.entries(FILES).sort()))
  return { laptop, desktop }
}

const syncDirectory = async (device: Device) => {
  const { home } = await device.json('status')
  return path.join(home, 'sync')
}

/** What the laptop does while the desktop is away, and what both have once it is back without its index. */
async function goesOn(laptop: Device, desktop: Device): Promise<void> {
  await soon(fs.writeFile(at(laptop, 'edited'), 'new'))
  await soon(fs.rename(at(laptop, 'album'), at(laptop, 'photos')))
  await soon(fs.writeFile(at(laptop, 'photos/c.txt'), 'c'))
  await soon(fs.rm(at(laptop, 'removed')))
  await desktop.dfsOk(['mount', desktop.folder])
  await connected(desktop)
  const { name: deviceName } = await desktop.json('id')
  const day = new Date((await fs.stat(at(desktop, 'kept'))).mtimeMs).toISOString().slice(0, 10)
  await same([laptop, desktop], {
    edited: 'new',
    [`edited (conflict ${deviceName} ${day})`]: 'old',
    kept: 'kept',
    'photos/a.txt': 'a',
    'photos/b.txt': 'b',
    'photos/c.txt': 'c',
    // Whether it was removed knowing what the desktop has, nobody can say.
    removed: 'removed',
  })
  await soon(fs.writeFile(at(desktop, 'kept'), 'goes on'))
  const hasIt = async () => (await shown(laptop))?.kept === 'goes on'
  await until('it goes on', hasIt, SOON_MS)
}

test('a device whose indexes are gone comes to have what the others have, and they what it has', {
  skip,
}, async (t) => {
  const { laptop, desktop } = await sharing(t)
  const directory = await syncDirectory(desktop)
  await stop(desktop)
  await fs.rm(directory, { recursive: true })
  await fs.rm(path.join(path.dirname(directory), 'index'), { recursive: true })
  await goesOn(laptop, desktop)
})

test('an index that is damaged is set aside, and begun anew', { skip }, async (t) => {
  const { laptop, desktop } = await sharing(t)
  const directory = await syncDirectory(desktop)
  const { folders } = await desktop.json('folders')
  await stop(desktop)
  const index = path.join(directory, folders[0].id)
  for (const name of await fs.readdir(index)) {
    if (name.startsWith('MANIFEST')) await fs.writeFile(path.join(index, name), 'no manifest')
  }
  await goesOn(laptop, desktop)
  assert.equal((await fs.readdir(directory)).includes(`${folders[0].id}.damaged`), true)
})
