/** A full disk is ENOSPC to the writer, loses nothing that was there, and is over once there is room again. */
import assert from 'node:assert/strict'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newPlace } from '../e2e/support/place.ts'
import { Random } from '../support/random.ts'
import { fuse, loopDisk, skipUnless } from '../support/requirements.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { DfsSystem } from '../support/systems/dfs.ts'
import { readsRight } from './support/damage.ts'

const MIB = 1024 * 1024
const DISK_MEBIBYTES = 48
const skip = skipUnless(fuse, loopDisk)

test('when the home is full, a large write fails with ENOSPC and old files stay', { skip }, async (t) => {
  const { system, random } = await onSmallDisk(t, 'home')
  const old = writeOld(system.root, random)
  assert.equal(fillThrough(join(system.root, 'large'), random), 'ENOSPC')
  checkOld(system.root, old)
  rmSync(join(system.root, 'large'))
  await system.unmount()
  await system.mount()
  checkOld(system.root, old)
  await system.unmount()
})

test('when the home is full, overwriting a file fails with ENOSPC and keeps its old version', { skip }, async (t) => {
  const { system, disk, random } = await onSmallDisk(t, 'home')
  const old = writeOld(system.root, random)
  await system.unmount()
  await system.mount()
  fill(join(disk.path, 'filler'))
  const replacement = random.bytes(2 * MIB)
  const code = codeOf(() => writeFileSync(join(system.root, 'old-0'), replacement, { flush: true }))
  assert.equal(code, 'ENOSPC')
  rmSync(join(disk.path, 'filler'))
  await system.kill()
  await system.mount()
  // Once there is room again what is still in memory may be stored before the kill; whole, or not at all.
  if (readFileSync(join(system.root, 'old-0')).equals(replacement)) old.delete('old-0')
  checkOld(system.root, old)
  const fresh = random.bytes(MIB)
  writeFileSync(join(system.root, 'fresh'), fresh, { flush: true })
  readsRight(join(system.root, 'fresh'), fresh)
  await system.unmount()
})

test('when the folder is full, a new file fails with ENOSPC and old files stay', { skip }, async (t) => {
  const { system, disk, random } = await onSmallDisk(t, 'folder')
  const old = writeOld(system.root, random)
  await system.unmount()
  fill(join(disk.path, 'filler'))
  await system.mount()
  const failed = Array.from({ length: 200 }, (_, index) =>
    codeOf(() => writeFileSync(join(system.root, `new-${index}`), random.bytes(3000), { flush: true })),
  ).find((code) => code !== undefined)
  assert.equal(failed, 'ENOSPC')
  checkOld(system.root, old)
  await system.unmount().catch(() => system.kill())
  rmSync(join(disk.path, 'filler'))
  await system.mount()
  checkOld(system.root, old)
  await system.unmount()
})

async function onSmallDisk(t: TestContext, what: 'home' | 'folder') {
  const place = newPlace(t)
  const disk = await SmallDisk.create(place, 'disk', { mebibytes: DISK_MEBIBYTES })
  const system = new DfsSystem(place, { [what]: join(disk.path, what) })
  mkdirSync(system.root, { recursive: true })
  await system.mount()
  return { system, disk, random: new Random(DISK_MEBIBYTES) }
}

function writeOld(root: string, random: Random): Map<string, Buffer> {
  const files = [100, 3000, 70_000, 500_000].map((size, index) => [`old-${index}`, random.bytes(size)] as const)
  for (const [name, content] of files) writeFileSync(join(root, name), content, { flush: true })
  return new Map(files)
}

function checkOld(root: string, old: ReadonlyMap<string, Buffer>): void {
  for (const [name, content] of old) readsRight(join(root, name), content)
}

/** Writes more than the disk holds; the code of the error that must come of it, by the time the file is closed. */
function fillThrough(path: string, random: Random): string | undefined {
  const piece = random.bytes(MIB)
  const fd = openSync(path, 'w')
  const write = () => {
    for (let count = 0; count < DISK_MEBIBYTES * 2; count++) {
      piece.writeUInt32LE(count) // No piece may be stored already.
      for (let offset = 0; offset < MIB; offset += 65536) piece.writeUInt32LE(count, offset)
      writeSync(fd, piece)
    }
    fsyncSync(fd)
  }
  const codes = [codeOf(write), codeOf(() => closeSync(fd))]
  return codes.find((code) => code !== undefined)
}

function fill(path: string): void {
  const fd = openSync(path, 'w')
  for (const length of [MIB, 4096]) {
    while (codeOf(() => writeSync(fd, Buffer.alloc(length, 1))) === undefined);
  }
  closeSync(fd)
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}
