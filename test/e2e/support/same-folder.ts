/** One folder on two devices of one person, both mounted, and what is looked at there. */
import * as fs from 'node:fs/promises'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { type Device, newDevice, pair } from './device.ts'
import { noise } from './files.ts'
import { until, within } from './process.ts'
import { connected } from './sharing.ts'

export const MIB = 1024 * 1024
export const SOON_MS = 30_000

export const soon = <T>(work: Promise<T>): Promise<T> => within(SOON_MS, work)
export const at = (device: Device, name: string) => path.join(device.folder, name)

export async function shows(device: Device, name: string, content: string | Buffer): Promise<void> {
  const isThere = async () => {
    const found = await soon(fs.readFile(at(device, name))).catch(() => undefined)
    return found?.equals(Buffer.from(content)) === true
  }
  await until(`${name} is as it was written`, isThere, SOON_MS)
}

export async function gone(device: Device, name: string): Promise<void> {
  const isGone = async () => (await soon(fs.stat(at(device, name))).catch(() => undefined)) === undefined
  await until(`${name} is gone`, isGone, SOON_MS)
}

export async function names(device: Device, directory = ''): Promise<string[]> {
  return (await soon(fs.readdir(at(device, directory)))).sort()
}

/** The laptop has a folder with something in it; the desktop's is made the same by its first mount. */
export async function twoDevices(t: TestContext): Promise<{ laptop: Device; desktop: Device; said: string }> {
  const laptop = await newDevice(t)
  const desktop = await newDevice(t)
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await laptop.dfsOk(['mount', laptop.folder])
  await soon(fs.mkdir(at(laptop, 'photos')))
  await soon(fs.writeFile(at(laptop, 'photos/one.jpg'), noise(3 * MIB, 1)))
  await soon(fs.writeFile(at(laptop, 'note.txt'), 'a note'))
  await pair(laptop, desktop)
  // As somebody does who joined just now: the first mount makes the folder.
  await fs.rmdir(desktop.folder)
  const said = await desktop.dfsOk(['mount', desktop.folder])
  await connected(desktop)
  return { laptop, desktop, said }
}
