/**
 * Devices that keep blocks for another prove it; who is removed, or does not have them any more, is replaced: four devices on
 * loopback, of one of which the blocks are deleted behind its back.
 */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { mountAll, readIn } from '../support/sharing.ts'

const skip = fuseMissing()
const MIB = 1024 * 1024
const SAFE_MS = 150_000
const PATIENCE = { deadlineMs: SAFE_MS }
const FILM = noise(2 * MIB, 1)

/** The first one's friends: `one` lends space, the others do not yet. */
async function fourDevices(t: TestContext) {
  const laptop = await newDevice(t, { config: { replicas: 1 } })
  const one = await newDevice(t, { config: { offerBytes: 1e9 } })
  const two = await newDevice(t, { config: { offerBytes: 0 } })
  const three = await newDevice(t, { config: { offerBytes: 0 } })
  await laptop.dfsOk(['init', '--name', 'laptop'])
  for (const friend of [one, two, three]) await pair(laptop, friend, '--member')
  await mountAll(one, two, three, laptop)
  return { laptop, one, two, three }
}

const lend = (device: Device) => device.dfsOk(['config', 'set', 'offerBytes', '1GB'])

/** All blocks of the device go, and so does what it fetches again, until the returned function is called. */
function loseBlocks(device: Device): () => void {
  const lose = () => {
    for (const file of blockFiles(device)) rmSync(file, { force: true })
  }
  lose()
  const timer = setInterval(lose, 20)
  return () => clearInterval(timer)
}

function blockFiles(device: Device): string[] {
  const blocks = path.join(device.home, 'blocks')
  const names = readdirSync(blocks, { recursive: true, encoding: 'utf8' }).filter((name) => /^..\/./.test(name))
  return names.map((name) => path.join(blocks, name))
}

const idOf = async (device: Device): Promise<string> => (await device.json('id')).device

async function isSafe(device: Device): Promise<boolean> {
  const { file, replication } = await device.json('status', path.join(device.folder, 'film.bin'))
  return file.state === 'replicated 1/1' && replication.isDone
}

test('devices that keep blocks prove it, or are replaced', { skip }, async (t) => {
  const { laptop, one, two, three } = await fourDevices(t)
  const film = path.join(laptop.folder, 'film.bin')

  await t.test('who has all of it proves that', async () => {
    await within(30_000, writeFile(film, FILM), 'writing')
    await laptop.dfsOk(['wait', film, '--timeout', '120'], PATIENCE)
    const { holders } = await laptop.json('verify', '--peers')
    assert.equal(holders.length, 1)
    const { device, blocks, good, failed, unreachable } = holders[0]
    assert.deepEqual([device, good, failed, unreachable], [await idOf(one), blocks, 0, 0])
    assert.ok(blocks > 10, `${blocks} blocks`)
    const text = await laptop.dfsOk(['verify', '--peers', film], PATIENCE)
    assert.match(text, /^\S+ +\d+ blocks +\d+ good +0 failed +0 not reached$/m)
  })

  await t.test('what a removed device kept is copied to another', async () => {
    await lend(two)
    await laptop.dfsOk(['devices', 'remove', await idOf(one)], PATIENCE)
    await until('all is safe again', () => isSafe(laptop), SAFE_MS)
    const { holders } = await laptop.json('verify', '--peers')
    const [{ device, blocks, good }] = holders
    assert.deepEqual([holders.length, device, good], [1, await idOf(two), blocks])
  })

  await t.test('who lost what it kept is noticed and replaced, and nothing is evicted on its word', async () => {
    const kept = blockFiles(two)
    const endLosing = loseBlocks(two)
    t.after(endLosing)
    const { code, stdout } = await laptop.dfs(['verify', '--peers', '--json'], PATIENCE)
    // An audit that came by itself may have been first.
    const failed = JSON.parse(stdout).holders.some((holder: { failed: number }) => holder.failed > 0)
    assert.equal(code, failed ? 13 : 0)
    assert.equal((await laptop.dfs(['evict', film], PATIENCE)).code, 14)
    const { replication } = await laptop.json('status')
    assert.match(replication.problems.join('\n'), /^\S+ lost blocks that it was to keep/m)
    await lend(three)
    const idOfThree = await idOf(three)
    // What it was given at the same moment is noticed a little later.
    const hasAll = async () => {
      const { holders } = JSON.parse((await laptop.dfs(['verify', '--peers', '--json'], PATIENCE)).stdout)
      return holders.length === 1 && holders[0].device === idOfThree && holders[0].failed === 0
    }
    await until('all is safe again', async () => (await isSafe(laptop)) && (await hasAll()), SAFE_MS)
    assert.ok(blockFiles(three).length > kept.length / 2)
    endLosing()
    assert.partialDeepStrictEqual(await laptop.json('evict', film), { files: 1, kept: [] })
    assert.ok((await readIn(laptop, 'film.bin', 60_000)).equals(FILM))
  })
})
