/**
 * Wall clocks that jump a day ahead or back, of who lends space and of who uses it, between real daemons on loopback: nothing
 * that was promised ends, nothing is dropped, and all goes on.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { skipUnless } from '../../support/requirements.ts'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { within } from '../support/process.ts'
import { forgetPages, mountAll, readIn } from '../support/sharing.ts'
import { faketime, WallClock } from '../support/wall-clock.ts'

const skip = skipUnless(fuseMissing, faketime)
const MIB = 1024 * 1024
const DAY_MS = 24 * 60 * 60 * 1000
const PATIENCE = { deadlineMs: 150_000 }
const FILM = noise(4 * MIB, 1)
const PHOTO = noise(300_000, 2)

const put = (device: Device, name: string, content: Buffer) =>
  within(30_000, writeFile(path.join(device.folder, name), content), `writing ${name}`)

/** That the device's daemon goes by the clock that is moved, which is so many days off. */
async function assertItIs(days: number, device: Device): Promise<void> {
  const seconds = Number(await device.sh('date +%s'))
  assert.ok(Math.abs(seconds * 1000 - Date.now() - days * DAY_MS) < DAY_MS / 24, `it is ${new Date(seconds * 1000)}`)
  const pids = device.pids()
  assert.ok(pids.length > 0)
  for (const pid of pids) assert.match(readFileSync(`/proc/${pid}/maps`, 'utf8'), /libfaketime/)
}

test('clocks jump', { skip }, async (t) => {
  const clocks = { laptop: new WallClock(t), friend: new WallClock(t) }
  const laptop = await newDevice(t, { env: clocks.laptop.env, config: { replicas: 1, gcGraceMinutes: 0 } })
  const friend = await newDevice(t, { env: clocks.friend.env, config: { offerBytes: 1e9, gcGraceMinutes: 0 } })
  const devices = { laptop, friend }
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, friend, '--member')
  await mountAll(friend, laptop)
  await put(laptop, 'film.bin', FILM)
  await laptop.dfsOk(['wait', laptop.folder], PATIENCE)

  const assertAllGoesOn = async (name: string) => {
    assert.equal((await laptop.json('status', path.join(laptop.folder, 'film.bin'))).file.state, 'replicated 1/1')
    await put(laptop, name, PHOTO)
    await laptop.dfsOk(['wait', laptop.folder, '--timeout', '120'], PATIENCE)
    for (const device of [laptop, friend]) await device.dfsOk(['gc'], PATIENCE)
    const { holders } = await laptop.json('verify', '--peers')
    assert.equal(holders.length, 1)
    assert.partialDeepStrictEqual(holders[0], { good: holders[0].blocks, failed: 0, unreachable: 0 })
    await laptop.json('evict', path.join(laptop.folder, 'film.bin'))
    assert.equal((await laptop.json('status', path.join(laptop.folder, 'film.bin'))).file.state, 'evicted')
    await forgetPages(laptop, 'film.bin')
    assert.ok((await readIn(laptop, 'film.bin', 60_000)).equals(FILM))
    await laptop.dfsOk(['hydrate', laptop.folder], PATIENCE)
    const { replication } = await laptop.json('status')
    assert.deepEqual(replication.problems, [])
  }

  for (const who of ['laptop', 'friend'] as const) {
    for (const days of [1, -1]) {
      await t.test(
        `${who === 'laptop' ? 'of who uses space' : 'of who lends it'}, to ${days} day from now`,
        async () => {
          clocks[who].set(days)
          await assertItIs(days, devices[who])
          await assertAllGoesOn(`${who} ${days}`)
        },
      )
    }
  }
})
