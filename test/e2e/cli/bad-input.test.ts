/** What a person can get wrong about a folder, a home or a stub: one clear line each, and nothing is lost. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Random } from '../../support/random.ts'
import { fuse, loopDisk, skipUnless } from '../../support/requirements.ts'
import { SmallDisk } from '../../support/small-disk.ts'
import { DfsSystem } from '../../support/systems/dfs.ts'
import { assertContent, noise } from '../support/files.ts'
import { isMounted } from '../support/mount.ts'
import { newPlace, type Place } from '../support/place.ts'
import type { RunResult } from '../support/process.ts'

const skip = fuse()

test('a folder that is a file is refused', { skip }, async (t) => {
  const { place, system } = await stored(t)
  const file = join(place.root, 'file')
  fs.writeFileSync(file, 'not a folder')
  assertRefused(await system.command(['mount', file]))
  assertContent(file, 'not a folder')
})

test('a folder that is not there is refused, and not made', { skip }, async (t) => {
  const { place, system } = await stored(t)
  assertRefused(await system.command(['mount', join(place.root, 'nowhere')]))
  assert(!fs.existsSync(join(place.root, 'nowhere')))
})

test('a folder with other things in it is mounted with them', { skip }, async (t) => {
  const { system } = await stored(t)
  fs.writeFileSync(join(system.root, 'plain'), 'was here before')
  await system.mount()
  assertContent(join(system.root, 'plain'), 'was here before')
  await system.unmount()
})

test('mounting a mounted folder again changes nothing', { skip }, async (t) => {
  const { system, check } = await stored(t)
  await system.mount()
  const again = await system.command(['mount', system.root])
  if (again.code !== 0) assertOneLine(again)
  assert(isMounted(system.root))
  check()
  await system.unmount()
  assert(!isMounted(system.root), 'it was mounted once')
})

test('a home below the folder, and a folder below the home, are refused', { skip }, async (t) => {
  const { place, system } = await stored(t)
  const inside = join(place.root, 'outer')
  fs.mkdirSync(inside)
  assertRefused(await system.command(['mount', inside], { env: { DFS_HOME: join(inside, 'home') } }))
  const below = join(system.home, 'below')
  fs.mkdirSync(below)
  assertRefused(await system.command(['mount', below]))
  assert(!isMounted(inside) && !isMounted(below))
})

test('unmounting what is not mounted says so', { skip }, async (t) => {
  const { system } = await stored(t)
  assertRefused(await system.command(['umount', system.root]))
})

test('with the wrong personal key a folder is refused or its files fail, and the right key opens it again', {
  skip,
}, async (t) => {
  const { place, system, check } = await stored(t)
  const stub = fs.readFileSync(join(system.root, 'file.f'))
  const stranger = new DfsSystem(place, { home: join(place.root, 'other-home') })
  const { code, stderr } = await stranger.command(['mount', system.root])
  if (code === 0) {
    assert.throws(() => fs.readFileSync(join(system.root, 'file')), 'a stranger reads nothing')
    await stranger.unmount()
  } else assert.match(stderr, /^dfs: [^\n]+\n$/)
  assert(fs.readFileSync(join(system.root, 'file.f')).equals(stub), 'the stub is as it was')
  await system.mount()
  check()
  await system.unmount()
})

test('a second daemon on one home is refused, and the first goes on', { skip }, async (t) => {
  const { place, system, check } = await stored(t)
  await system.mount()
  // Another runtime directory hides the first one's socket from it: only the lock of the home is left to stop it.
  const run = join(place.root, 'other-run')
  fs.mkdirSync(run, { mode: 0o700 })
  const folder = join(place.root, 'other-folder')
  fs.mkdirSync(folder)
  const second = await system.command(['mount', folder], { env: { XDG_RUNTIME_DIR: run } })
  if (second.code !== 0) assertOneLine(second)
  else await system.command(['umount', folder])
  check()
  await system.unmount()
})

test('a home on another disk than the folder works', { skip: skip || skipUnless(loopDisk) }, async (t) => {
  const place = newPlace(t)
  const disk = await SmallDisk.create(place, 'disk', { mebibytes: 64 })
  const system = new DfsSystem(place, { home: join(disk.path, 'home') })
  await system.mount()
  fs.writeFileSync(join(system.root, 'file'), noise(100_000))
  await system.unmount()
  await system.mount()
  assertContent(join(system.root, 'file'), noise(100_000))
  await system.unmount()
})

test('a damaged, cut, foreign or strange stub fails alone: EIO or an ordinary file, never other content', {
  skip,
}, async (t) => {
  const { system, check } = await stored(t)
  const whole = fs.readFileSync(join(system.root, 'file.f'))
  const at = (name: string) => join(system.root, name)
  const damaged = Buffer.from(whole)
  new Random(1).bytes(damaged.length - 256).copy(damaged, 256)
  fs.writeFileSync(at('damaged.f'), damaged)
  fs.writeFileSync(at('cut.f'), whole.subarray(0, 300))
  fs.writeFileSync(at('foreign.f'), 'PROGRAM FOREIGN\nEND\n')
  fs.writeFileSync(at('empty.f'), '')
  await system.mount()
  check()
  for (const name of ['damaged', 'cut']) assert.throws(() => fs.readFileSync(at(name)), { code: 'EIO' }, name)
  assertContent(at('foreign.f'), 'PROGRAM FOREIGN\nEND\n')
  assertContent(at('empty'), '')
  assert(fs.readdirSync(system.root).length >= 5, 'all are listed')
  await system.unmount()
  assert(fs.readFileSync(at('damaged.f')).equals(damaged), 'what cannot be read is left alone')
})

/** An unmounted folder with one stored file, and a check that the file is still right while mounted. */
async function stored(t: TestContext): Promise<{ place: Place; system: DfsSystem; check(): void }> {
  const place = newPlace(t)
  const system = new DfsSystem(place)
  await system.mount()
  const path = join(system.root, 'file')
  fs.writeFileSync(path, noise(100_000))
  await system.unmount()
  return { place, system, check: () => assertContent(path, noise(100_000)) }
}

function assertRefused(result: RunResult): void {
  assert.notEqual(result.code, 0)
  assertOneLine(result)
}

function assertOneLine({ stderr }: RunResult): void {
  assert.match(stderr, /^dfs: [^\n]+\n$/)
}
