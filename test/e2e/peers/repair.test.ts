/**
 * Blocks that the disk lost or changed come back whole from another device: between real daemons on loopback. All that a
 * file needs is looked at without opening it, for opening mends what it reads by itself.
 */
import assert from 'node:assert/strict'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { runOk, within } from '../support/process.ts'
import { connected, mountAll, putFiles, readIn, stopDaemon } from '../support/sharing.ts'

const skip = fuseMissing() || (process.getuid?.() === 0 ? false : 'needs root: a disk of its own for the store')
const MIB = 1024 * 1024
const PATIENCE = { deadlineMs: 150_000 }
const FILM = noise(5 * MIB, 1)
/** The disk of the store. */
const DISK_BYTES = 32 * MIB

/** What the laptop writes its own second device holds, too. The laptop's store has a small disk. */
async function twoDevices(t: TestContext) {
  const laptop = await newDevice(t, { config: { replicas: 1 } })
  const desktop = await newDevice(t, { config: { offerBytes: 1e9 } })
  const disk = path.join(laptop.home, 'blocks')
  mkdirSync(disk)
  await runOk('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=700`, 'tmpfs', disk])
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, desktop)
  await putFiles(laptop, { 'film.bin': FILM })
  await mountAll(desktop, laptop)
  await laptop.dfsOk(['pin', laptop.folder], PATIENCE)
  await laptop.dfsOk(['wait', laptop.folder, '--timeout', '120'], PATIENCE)
  return { laptop, desktop }
}

/** The longest block files: chunks of the film. */
function dataFiles({ home }: Device): string[] {
  const blocks = path.join(home, 'blocks')
  return readdirSync(blocks, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted((one, other) => statSync(other).size - statSync(one).size)
}

function flipBit(file: string): void {
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(file, bytes)
}

/** Writes files that are no blocks until the disk of the store has no room left. */
function fillDisk({ home }: Device): string {
  const filler = path.join(home, 'blocks', 'filler')
  const { bavail, bsize } = statfsSync(path.dirname(filler))
  writeFileSync(filler, Buffer.alloc(bavail * bsize))
  return filler
}

test('damaged and missing blocks', { skip }, async (t) => {
  const { laptop, desktop } = await twoDevices(t)
  const originals = new Map(dataFiles(laptop).map((file) => [file, readFileSync(file)]))
  const [changed, lost, cut] = dataFiles(laptop) as [string, string, string]
  const damage = () => {
    flipBit(changed)
    rmSync(lost)
    truncateSync(cut)
  }
  const repair = async () => {
    const { code, stdout } = await laptop.dfs(['verify', '--repair', '--json'], PATIENCE)
    return { code, result: JSON.parse(stdout) }
  }

  await t.test('are named, and stay as they are unless asked for', async () => {
    damage()
    const { code, stdout } = await laptop.dfs(['verify', '--json'], PATIENCE)
    assert.equal(code, 13)
    assert.partialDeepStrictEqual(JSON.parse(stdout), { repaired: 0, damaged: [{}, {}], missing: [{}] })
  })

  await t.test('stay while the disk is full, and each says what to do', async () => {
    const filler = fillDisk(laptop)
    const { code, stdout } = await laptop.dfs(['verify', '--repair'], PATIENCE)
    assert.equal(code, 13)
    const lines = stdout.split('\n').filter((line) => line.includes('not repaired'))
    assert.equal(lines.length, 3)
    for (const line of lines) assert.match(line, /free space on the disk of the store$/)
    rmSync(filler)
  })

  await t.test('come back from another device, byte for byte', async () => {
    const { code, result } = await repair()
    assert.equal(code, 0)
    assert.partialDeepStrictEqual(result, { repaired: 3, damaged: [], missing: [], stubs: [] })
    for (const [file, bytes] of originals) assert(bytes.equals(readFileSync(file)), file)
  })

  await t.test('stay while nobody is there who has them, and the rest is read', async () => {
    await stopDaemon(desktop)
    damage()
    const { code, stdout } = await laptop.dfs(['verify', laptop.folder, '--repair'], PATIENCE)
    assert.equal(code, 13)
    assert.equal(stdout.match(/not repaired: .*connect a device that has it, and repair again$/gm)?.length, 3)
    await mountAll(desktop)
    await connected(laptop)
    const { result } = await repair()
    assert.equal(result.repaired, 3)
    await stopDaemon(desktop)
    assert((await within(60_000, readIn(laptop, 'film.bin'))).equals(FILM), 'all of it is here')
  })
})
