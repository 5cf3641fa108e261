/** More than half of a folder's files are gone below, and nobody removed them in the mount: nothing follows from that by itself. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { connected, stopDaemon } from '../support/sharing.ts'

const skip = fuseMissing()
const SOON_MS = 30_000
const NEEDS_YES = 12
const PHOTOS = Array.from({ length: 12 }, (_, at) => `${at + 10}.jpg`)

const soon = <T>(work: Promise<T>): Promise<T> => within(SOON_MS, work)
const photos = (device: Device) => path.join(device.folder, 'photos')

async function hasPhotos(device: Device): Promise<boolean> {
  const names = await soon(fs.readdir(photos(device))).catch((): string[] => [])
  return PHOTOS.every((name) => names.includes(name))
}

async function problemOf(device: Device): Promise<string | undefined> {
  const { folders } = await device.json('folders')
  return folders[0].problem
}

async function stop(device: Device): Promise<void> {
  await device.dfs(['umount', device.folder])
  await stopDaemon(device)
}

test('files that are gone while dfs does not run are asked about', { skip }, async (t) => {
  const laptop = await newDevice(t, { config: { keepDeletedAfterSeconds: 0 } })
  const desktop = await newDevice(t, { config: { gcGraceMinutes: 0 } })
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await laptop.dfsOk(['mount', laptop.folder])
  await soon(fs.mkdir(photos(laptop)))
  for (const name of PHOTOS) await soon(fs.writeFile(path.join(photos(laptop), name), `photo ${name}`.repeat(2000)))
  await soon(fs.writeFile(path.join(laptop.folder, 'note.txt'), 'a note'))
  await pair(laptop, desktop)
  await desktop.dfsOk(['mount', desktop.folder])
  await connected(desktop)
  await until('the photos are here', () => hasPhotos(desktop), SOON_MS)
  // So that there are blocks to lose.
  for (const name of PHOTOS) await soon(fs.readFile(path.join(photos(desktop), name)))

  const lose = async () => {
    await stop(desktop)
    await fs.rm(photos(desktop), { recursive: true })
    await desktop.dfsOk(['mount', desktop.folder])
    await until(
      'it is asked',
      async () => /12 of its 13 files are gone/.test((await problemOf(desktop)) ?? ''),
      SOON_MS,
    )
  }

  await t.test('status and folders say so, and nothing goes: not elsewhere, and no block', async () => {
    await lose()
    assert.match(await desktop.dfsOk(['status']), /problem .*12 of its 13 files are gone.*dfs folders restore/s)
    assert.match(await desktop.dfsOk(['folders']), /not kept the same: .*dfs folders confirm/s)
    for (let time = 0; time < 2; time++) {
      const { code, stderr } = await desktop.dfs(['gc'])
      assert.equal(code, NEEDS_YES, stderr)
      assert.match(stderr, /12 of its 13 files are gone/)
    }
    await soon(fs.writeFile(path.join(laptop.folder, 'meanwhile.txt'), 'meanwhile'))
    await stopDaemon(desktop).catch(() => undefined)
    await desktop.dfs(['umount', desktop.folder])
    await desktop.dfsOk(['mount', desktop.folder])
    await until('it is asked again', async () => (await problemOf(desktop)) !== undefined, SOON_MS)
    assert.deepEqual(await soon(fs.readdir(desktop.folder)), ['note.txt'])
    assert(await hasPhotos(laptop))
  })

  await t.test('they are brought back, and can be read without anybody else', async () => {
    assert.match(await desktop.dfsOk(['folders', 'restore', desktop.folder]), /12 files back/)
    assert(await hasPhotos(desktop))
    assert.equal(await problemOf(desktop), undefined)
    await until(
      'what the other did comes',
      async () => (await soon(fs.readdir(desktop.folder))).includes('meanwhile.txt'),
      SOON_MS,
    )
    await desktop.dfsOk(['gc'])
    await stopDaemon(laptop).catch(() => undefined)
    for (const name of PHOTOS) {
      const content = await soon(fs.readFile(path.join(photos(desktop), name), 'utf8'))
      assert.equal(content, `photo ${name}`.repeat(2000))
    }
    await laptop.dfs(['umount', laptop.folder])
    await laptop.dfsOk(['mount', laptop.folder])
    await connected(desktop)
    const { code, stderr } = await desktop.dfs(['folders', 'restore', desktop.folder])
    assert.equal(code, 3)
    assert.match(stderr, /nothing is asked/)
  })

  await t.test('they are deleted everywhere once somebody says that they were', async () => {
    await soon(fs.rm(path.join(desktop.folder, 'meanwhile.txt')))
    await until(
      'it is gone there',
      async () => !(await soon(fs.readdir(laptop.folder))).includes('meanwhile.txt'),
      SOON_MS,
    )
    await lose()
    const unsaid = await desktop.dfs(['folders', 'confirm', desktop.folder])
    assert.equal(unsaid.code, NEEDS_YES)
    assert.match(unsaid.stderr, /12 of 13 files are gone.*10\.jpg.*and 2 more.*--yes/s)
    assert(await hasPhotos(laptop))
    assert.match(await desktop.dfsOk(['folders', 'confirm', '--yes', desktop.folder]), /12 files deleted/)
    const isGone = async () => !(await soon(fs.readdir(laptop.folder))).includes('photos')
    await until('they are gone there', isGone, SOON_MS)
    await desktop.dfsOk(['gc'])
    await laptop.dfsOk(['restore', path.join(photos(laptop), '10.jpg')])
    assert.equal(await soon(fs.readFile(path.join(photos(laptop), '10.jpg'), 'utf8')), 'photo 10.jpg'.repeat(2000))
  })

  await t.test('a removal in the mount is nobody’s slip', async () => {
    for (let at = 0; at < 15; at++) await soon(fs.writeFile(path.join(desktop.folder, `${at}`), 'text'))
    await until('they are there', async () => (await soon(fs.readdir(laptop.folder))).length >= 16, SOON_MS)
    for (let at = 0; at < 15; at++) await soon(fs.rm(path.join(desktop.folder, `${at}`)))
    await until('they are gone', async () => (await soon(fs.readdir(laptop.folder))).length < 5, SOON_MS)
    assert.equal(await problemOf(desktop), undefined)
  })

  await t.test('without its marker it is not the folder: no mount, no collection', async () => {
    await stop(desktop)
    const marker = path.join(desktop.folder, '.dfs/folder.json')
    await fs.rename(marker, `${marker}.away`)
    for (const args of [['mount', desktop.folder], ['gc']]) {
      const { code, stderr } = await desktop.dfs(args)
      assert.equal(code, NEEDS_YES, stderr)
    }
    await fs.rename(`${marker}.away`, marker)
    const view = path.join(path.dirname(desktop.folder), 'view')
    await fs.mkdir(view)
    await desktop.dfsOk(['mount', desktop.folder, view])
    await fs.rename(marker, `${marker}.away`)
    const { code, stderr } = await desktop.dfs(['gc'])
    assert.equal(code, NEEDS_YES)
    assert.match(stderr, /folder\.json is missing/)
    await fs.rename(`${marker}.away`, marker)
    await desktop.dfsOk(['gc'])
    await desktop.dfsOk(['umount', desktop.folder])
  })
})
