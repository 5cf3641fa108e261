/**
 * A folder that two devices have, of which one is lost while the other is away: what comes back from a friend on a third one
 * knows what became of it, so that the one that was away brings nothing back.
 */
import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { connected, stopDaemon } from '../support/sharing.ts'

/** Who was tried in vain is tried again after 5, 10, 20 and 40 s. */
const SOON_MS = 120_000
const PATIENCE = { deadlineMs: 150_000 }

const soon = <T>(work: Promise<T>): Promise<T> => within(SOON_MS, work)
const at = (device: Device, name: string) => path.join(device.folder, name)
const names = async (device: Device) => (await soon(fs.readdir(device.folder))).sort()

async function shows(device: Device, name: string, content: string | Buffer): Promise<void> {
  const isThere = async () => {
    const found = await soon(fs.readFile(at(device, name))).catch(() => undefined)
    return found?.equals(Buffer.from(content)) === true
  }
  await until(`${name} is as it was written`, isThere, SOON_MS)
}

test('what was deleted stays so, and what was edited, once a device is back that was away', {
  skip: fuseMissing(),
}, async (t) => {
  const laptop = await newDevice(t, { config: { replicas: 1 } })
  const desktop = await newDevice(t)
  const friend = await newDevice(t, { config: { offerBytes: 1e9 } })
  const { kit } = await laptop.json('init', '--name', 'laptop')
  await pair(laptop, friend, '--member')
  await pair(laptop, desktop)
  await friend.dfsOk(['mount', '--new', friend.folder])
  await laptop.dfsOk(['mount', laptop.folder])
  await soon(fs.mkdir(at(laptop, 'photos')))
  await soon(fs.writeFile(at(laptop, 'photos/one.jpg'), noise(300_000, 1)))
  await soon(fs.writeFile(at(laptop, 'deleted.txt'), 'both have it'))
  await soon(fs.writeFile(at(laptop, 'edited.txt'), 'as it was'))
  await desktop.dfsOk(['mount', desktop.folder])
  await shows(desktop, 'photos/one.jpg', noise(300_000, 1))
  await shows(desktop, 'deleted.txt', 'both have it')
  await shows(desktop, 'edited.txt', 'as it was')
  await connected(desktop, 2)
  await desktop.dfsOk(['umount', desktop.folder])
  await stopDaemon(desktop)

  await soon(fs.rm(at(laptop, 'deleted.txt')))
  await soon(fs.writeFile(at(laptop, 'edited.txt'), 'as it became'))
  await soon(fs.rename(at(laptop, 'photos'), at(laptop, 'pictures')))
  await soon(fs.writeFile(at(laptop, 'last.bin'), noise(200_000, 2)))
  await laptop.dfsOk(['wait', at(laptop, 'last.bin'), '--replicas', '1', '--timeout', '120'], PATIENCE)
  await laptop.dfsOk(['wait', at(laptop, 'edited.txt'), '--replicas', '1', '--timeout', '120'], PATIENCE)
  await laptop.dfsOk(['umount', laptop.folder])
  await stopDaemon(laptop)
  for (const gone of [laptop.home, laptop.folder]) await fs.rm(gone, { recursive: true })

  const fresh = await newDevice(t)
  const to = path.join(fresh.root, 'back')
  const friendAt = (await friend.json('peers')).network.addresses[0]
  await fresh.dfsOk(['recover', '--name', 'new', '--via', friendAt, '--to', to, '-'], { input: kit })
  const back = { ...fresh, folder: path.join(to, 'folder') }
  await back.dfsOk(['mount', back.folder])
  assert.deepEqual(await names(back), ['edited.txt', 'last.bin', 'pictures'])
  await shows(back, 'pictures/one.jpg', noise(300_000, 1))

  await desktop.dfsOk(['mount', desktop.folder])
  await shows(desktop, 'last.bin', noise(200_000, 2))
  await shows(desktop, 'edited.txt', 'as it became')
  for (const device of [desktop, back]) {
    await until(
      'both show what the lost one did',
      async () => (await names(device)).join() === 'edited.txt,last.bin,pictures',
      SOON_MS,
    )
  }
  await shows(desktop, 'pictures/one.jpg', noise(300_000, 1))
  await soon(fs.writeFile(at(desktop, 'after.txt'), 'from the desktop'))
  await shows(back, 'after.txt', 'from the desktop')
  assert.deepEqual(await names(back), ['after.txt', 'edited.txt', 'last.bin', 'pictures'])
})
