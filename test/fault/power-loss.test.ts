/**
 * Promises 1 and 2 when power is lost: what was fsynced is there, and every file is exactly one of its versions.
 * Home and folder are on a disk of our own. Its ext4 commits names every second and has been told not to hurry with
 * content (noauto_da_alloc), so that a name without its content is on disk soon if dfs lets it be.
 * DFS_POWER_LOSSES says how often power is lost, DFS_CRASH_SEED repeats a run's choices (not its timing).
 */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RENAME } from '../../src/posix/names.ts'
import { newPlace } from '../e2e/support/place.ts'
import { Random, seedFrom } from '../support/random.ts'
import { fuse, loopDisk, skipUnless } from '../support/requirements.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { rename } from '../support/syscalls.ts'
import { DfsSystem } from '../support/systems/dfs.ts'
import { checkFiles } from './support/check-files.ts'
import { FileStates, monotonicNs } from './support/file-states.ts'
import { RunningWorkload } from './support/running-workload.ts'
import type { WorkloadOptions } from './support/workload.ts'

const LOSSES = Number(process.env.DFS_POWER_LOSSES ?? 5)
const LIFE_MS_MAX = 2500
const ROUND_MS = 60_000

test('power loss loses nothing that was fsynced and mixes no versions', {
  skip: skipUnless(fuse, loopDisk),
  timeout: 60_000 + LOSSES * ROUND_MS,
}, async (t) => {
  const place = newPlace(t)
  const disk = await SmallDisk.create(place, 'disk', { mebibytes: 1024, mountOptions: 'noauto_da_alloc,commit=1' })
  const places = { home: join(disk.path, 'home'), folder: join(disk.path, 'folder') }
  await losePowerAgainAndAgain(t, disk, new DfsSystem(place, places))
})

test('power loss of the folder alone, which forgets what became of names, loses nothing either', {
  skip: skipUnless(fuse, loopDisk),
  timeout: 60_000 + LOSSES * ROUND_MS,
}, async (t) => {
  const place = newPlace(t)
  const disk = await SmallDisk.create(place, 'disk', { mebibytes: 256, mountOptions: 'noauto_da_alloc,commit=300' })
  const system = new DfsSystem(place, { folder: join(disk.path, 'folder') })
  // Few syncs, which would bring the names to the disk, and few files, so that one that was renamed is written to soon.
  await losePowerAgainAndAgain(t, disk, system, { files: 4, syncOneIn: 20 })
})

test('power loss of the home alone, which forgets what the folder knows of names, loses nothing either', {
  skip: skipUnless(fuse, loopDisk),
  timeout: 60_000 + LOSSES * ROUND_MS,
}, async (t) => {
  const place = newPlace(t)
  const disk = await SmallDisk.create(place, 'disk', { mebibytes: 1024, mountOptions: 'noauto_da_alloc,commit=300' })
  const system = new DfsSystem(place, { home: join(disk.path, 'home') })
  await losePowerAgainAndAgain(t, disk, system, { files: 4, syncOneIn: 20 })
})

async function losePowerAgainAndAgain(
  t: TestContext,
  disk: SmallDisk,
  system: DfsSystem,
  options?: WorkloadOptions,
): Promise<void> {
  const seed = seedFrom('DFS_CRASH_SEED')
  t.diagnostic(`seed ${seed}, ${LOSSES} losses of power`)
  const random = new Random(seed)
  const states = new FileStates('power-loss')
  fs.mkdirSync(system.root, { recursive: true })
  await system.mount()
  for (let loss = 1; loss <= LOSSES; loss++) {
    const workload = await RunningWorkload.start(system.root, random.next(), states, options)
    await workload.goOn(random.below(LIFE_MS_MAX))
    if (random.oneIn(2)) await beIdle(workload, random)
    states.powerEndsAt = monotonicNs()
    disk.losePower()
    await system.kill(() => workload.end())
    states.powerEndsAt = Number.POSITIVE_INFINITY
    await disk.restorePower()
    await system.mount()
    checkFiles(system.root, states)
  }
  await system.unmount()
}

test('what is synced survives under its name where the folder has a disk of its own', {
  skip: skipUnless(fuse, loopDisk),
  timeout: 60_000,
}, async (t) => {
  const { disk, system, at } = await onDiskOfItsOwn(t)
  for (const name of ['replaced', 'moved', 'linked', 'one', 'other']) writeDurably(at(name), `old ${name}`)
  await system.unmount()
  await system.mount()
  fs.writeFileSync(at('replacing'), 'new')
  fs.renameSync(at('replacing'), at('replaced'))
  fs.renameSync(at('moved'), at('moved-away'))
  fs.linkSync(at('linked'), at('link'))
  rename(at('one'), at('other'), RENAME.EXCHANGE)
  const contents = { replaced: 'edited', 'moved-away': 'edited too', link: 'edited as well', one: 'new one' }
  for (const [name, content] of Object.entries(contents)) writeDurably(at(name), content, 'r+')
  writeDurably(at('made'), 'made')
  disk.losePower()
  await system.kill()
  await disk.restorePower()
  await system.mount()
  for (const [name, content] of Object.entries({ ...contents, made: 'made' })) {
    assert.equal(fs.readFileSync(at(name), 'utf8').slice(0, content.length), content, name)
  }
  assert.equal(fs.existsSync(at('moved')), false)
  await system.unmount()
})

test('what is synced survives removals and renames that did not, where the folder has a disk of its own', {
  skip: skipUnless(fuse, loopDisk),
  timeout: 60_000,
}, async (t) => {
  const { disk, system, at } = await onDiskOfItsOwn(t)
  const names = ['replaced', 'replacing', 'removed']
  for (const name of names) writeDurably(at(name), `content of ${name}`)
  fs.renameSync(at('replacing'), at('replaced'))
  fs.renameSync(at('replaced'), at('away'))
  fs.renameSync(at('removed'), at('removed-later'))
  fs.unlinkSync(at('removed-later'))
  disk.losePower()
  await system.kill()
  await disk.restorePower()
  await system.mount()
  // The home has kept the journal: names are what they were made, but nothing goes that was not replaced.
  const left = fs.readdirSync(system.root).map((name) => [name, fs.readFileSync(at(name), 'utf8')])
  assert.deepEqual(left, [
    ['away', 'content of replacing'],
    ['removed-later', 'content of removed'],
  ])
  await system.unmount()
})

/** A mounted folder on a disk that loses its power apart from that of the home. */
async function onDiskOfItsOwn(t: TestContext) {
  const place = newPlace(t)
  const disk = await SmallDisk.create(place, 'disk', { mebibytes: 64, mountOptions: 'commit=300' })
  const system = new DfsSystem(place, { folder: join(disk.path, 'folder') })
  fs.mkdirSync(system.root)
  await system.mount()
  return { disk, system, at: (name: string) => join(system.root, name) }
}

/** What dfs does on its own account, a while after the last write, must survive as well. */
async function beIdle(workload: RunningWorkload, random: Random): Promise<void> {
  await workload.end()
  await sleep(random.below(LIFE_MS_MAX))
}

function writeDurably(path: string, content: string, flags = 'w'): void {
  fs.writeFileSync(path, content, { flag: flags, flush: true })
}
