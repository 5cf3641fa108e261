/** Disks that are full, between real daemons on loopback: that of who lends space, and that of who frees some. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { loopDisk, skipUnless } from '../../support/requirements.ts'
import type { SmallDisk } from '../../support/small-disk.ts'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { connected, forgetPages, mountAll, readIn } from '../support/sharing.ts'

const skip = skipUnless(fuseMissing, loopDisk)
const MIB = 1024 * 1024
const SAFE_MS = 150_000
const PATIENCE = { deadlineMs: SAFE_MS }
const SAFE_S = '120'

const put = (device: Device, name: string, content: Buffer) =>
  within(60_000, writeFile(path.join(device.folder, name), content), `writing ${name}`)
const wait = (device: Device, name: string) =>
  device.dfsOk(['wait', path.join(device.folder, name), '--timeout', SAFE_S], PATIENCE)
const lend = (device: Device, bytes: string) => device.dfsOk(['config', 'set', 'offerBytes', bytes])

const blocksOf = ({ home }: Device) => readdirSync(path.join(home, 'blocks'), { recursive: true }).length

async function kill(device: Device): Promise<void> {
  for (const pid of device.pids()) process.kill(pid, 'SIGKILL')
  await until('the daemon has ended', () => device.pids().length === 0)
}

async function network(laptop: Device, ...friends: Device[]): Promise<void> {
  await laptop.dfsOk(['init', '--name', 'laptop'])
  for (const friend of friends) await pair(laptop, friend, '--member')
  await mountAll(...friends, laptop)
}

test('the disk of a lender is full while blocks arrive', { skip }, async (t) => {
  const laptop = await newDevice(t, { config: { replicas: 1 } })
  // A gibibyte of each disk is never lent.
  const small = await newDevice(t, { homeMebibytes: 1400, config: { offerBytes: 1e9 } })
  const large = await newDevice(t, { config: { offerBytes: 0 } })
  const disk = small.disk as SmallDisk
  await network(laptop, small, large)
  const film = noise(48 * MIB, 1)

  await t.test('it says so, and nothing counts as held that it does not have', async () => {
    await put(laptop, 'song.bin', noise(2 * MIB, 3))
    await wait(laptop, 'song.bin')
    const before = blocksOf(small)
    await put(laptop, 'film.bin', film)
    await until('blocks arrive', () => blocksOf(small) > before, SAFE_MS)
    await disk.fill()
    const told = async () => (await laptop.json('status')).replication.problems.join('\n')
    await until('it is said', async () => /found too few devices with room/.test(await told()), SAFE_MS)
    assert.equal((await laptop.json('status', `${laptop.folder}/film.bin`)).file.state, 'local')
  })

  await t.test('others take what it did not; it lives, and gives what it promised', async () => {
    await lend(large, '1GB')
    await wait(laptop, 'film.bin')
    const { holders } = await laptop.json('verify', '--peers')
    assert.equal(holders.length, 2)
    for (const { name, blocks, good } of holders) assert.equal(good, blocks, name)
    assert.partialDeepStrictEqual(await laptop.json('evict', `${laptop.folder}/film.bin`), { files: 1, kept: [] })
    assert.ok((await readIn(laptop, 'film.bin', SAFE_MS)).equals(film))
  })

  await t.test('killed, it starts with its disk full, and still gives it', async () => {
    await kill(small)
    await small.dfsOk(['mount', small.folder])
    await connected(laptop, 2)
    const { holders } = await laptop.json('verify', '--peers')
    for (const { name, blocks, good } of holders) assert.equal(good, blocks, name)
  })

  await t.test('with room again it goes on, and remembers it', async () => {
    disk.makeRoom()
    await lend(large, '0')
    await put(laptop, 'more.bin', noise(2 * MIB, 2))
    await wait(laptop, 'more.bin')
    await kill(small)
    await small.dfsOk(['mount', small.folder])
    await connected(laptop, 2)
    const { holders } = await laptop.json('verify', '--peers')
    for (const { name, blocks, good } of holders) assert.equal(good, blocks, name)
  })
})

test('the disk of a home is full', { skip }, async (t) => {
  const laptop = await newDevice(t, { homeMebibytes: 160, config: { replicas: 1 } })
  const friend = await newDevice(t, { config: { offerBytes: 1e9 } })
  const disk = laptop.disk as SmallDisk
  await network(laptop, friend)
  const [film, song] = [noise(20 * MIB, 1), noise(4 * MIB, 2)]
  const at = (name: string) => path.join(laptop.folder, name)

  await t.test('what is written fails with ENOSPC, and what is there can be read', async () => {
    await put(laptop, 'film.bin', film)
    await put(laptop, 'song.bin', song)
    await laptop.dfsOk(['wait', laptop.folder, '--timeout', SAFE_S], PATIENCE)
    await disk.fill()
    await assert.rejects(put(laptop, 'new.bin', noise(8 * MIB, 3)), { code: 'ENOSPC' })
    await within(30_000, unlink(at('new.bin')), 'removing')
    await forgetPages(laptop, 'song.bin')
    assert.ok((await readIn(laptop, 'song.bin')).equals(song))
  })

  await t.test('eviction frees space all the same', async () => {
    assert.partialDeepStrictEqual(await laptop.json('evict', at('film.bin')), { files: 1, kept: [] })
    await put(laptop, 'new.bin', noise(8 * MIB, 3))
  })

  await t.test('what was evicted is read though there is no room for it, and is not brought back', async () => {
    disk.makeRoom()
    await disk.fill()
    await forgetPages(laptop, 'film.bin')
    assert.ok((await readIn(laptop, 'film.bin', SAFE_MS)).equals(film))
    const { code, stdout, stderr } = await laptop.dfs(['hydrate', at('film.bin')], PATIENCE)
    assert.notEqual(code, 0)
    assert.match(stdout + stderr, /no space/i)
    assert.equal((await laptop.json('status', at('film.bin'))).file.state, 'evicted')
  })

  await t.test('with room again all is as before, also after a kill', async () => {
    disk.makeRoom()
    await laptop.dfsOk(['hydrate', at('film.bin')], PATIENCE)
    await put(laptop, 'more.bin', song)
    await laptop.dfsOk(['wait', laptop.folder, '--timeout', SAFE_S], PATIENCE)
    await kill(laptop)
    await laptop.dfsOk(['mount', laptop.folder])
    for (const [name, content] of Object.entries({ 'film.bin': film, 'song.bin': song, 'more.bin': song })) {
      assert.ok((await readIn(laptop, name)).equals(content), name)
    }
  })
})
