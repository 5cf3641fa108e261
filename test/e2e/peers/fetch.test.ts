/**
 * Files whose blocks are on another device, through the mount, between real daemons on loopback.
 *
 * Pairing and mounting take seconds and are done once for all: each test has files of its own, and they run in this order.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { open, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Scope } from '../../support/scope.ts'
import { type Device, newDevice, pair } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { carryStubs, connected, mountAll, putFiles, readIn, readPart } from '../support/sharing.ts'

const MIB = 1024 * 1024
const READ_MS = 30_000
const FILES = {
  small: randomBytes(5000),
  medium: randomBytes(3 * MIB),
  large: randomBytes(40 * MIB),
  scattered: randomBytes(30 * MIB),
  text: Buffer.from('all work and no play makes jack a dull boy\n'.repeat(300_000)),
  mended: randomBytes(3 * MIB),
  lost: randomBytes(MIB),
}
/** In a directory of its own: it is no neighbour of what is read before, and not fetched with that. */
const SPOILT = 'cellar/spoilt'
const ALBUM = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`album/${i}`, randomBytes(20_000)]))

describe('files whose blocks are on another device', { skip: fuseMissing() }, () => {
  const scope = new Scope()
  /** Two devices of one person: the first has the files, the second only their stubs. Both are mounted. */
  let first: Device
  let second: Device

  before(async () => {
    first = await newDevice(scope.context)
    second = await newDevice(scope.context)
    await first.dfsOk(['init'])
    await pair(first, second)
    await putFiles(first, { ...FILES, ...ALBUM, [SPOILT]: randomBytes(300_000) })
    carryStubs(first, second)
    await mountAll(first, second)
    // How long connecting takes on a busy machine is not told here.
    await connected(second)
  })
  after(() => scope[Symbol.asyncDispose]())

  it('a file opens on the device that has only its stub', async () => {
    for (const name of ['small', 'medium', 'large'] as const) {
      assert((await readIn(second, name, READ_MS)).equals(FILES[name]), name)
    }
  })

  it('whoever reads small files one after the other has the next ones fetched meanwhile', async () => {
    const held = async () => Number(await second.sh(`find "${second.home}/blocks" -type f | wc -l`))
    const listed = await within(READ_MS, readdir(path.join(second.folder, 'album')), 'listing')
    const album = listed.map((name) => `album/${name}`)
    const some = album.slice(0, 6)
    const before = await held()
    for (const name of some) assert((await readIn(second, name, READ_MS)).equals(ALBUM[name]!), name)
    await until('more is here than was read', async () => (await held()) > before + some.length)
    for (const name of album) assert((await readIn(second, name, READ_MS)).equals(ALBUM[name]!), name)
  })

  it('reads at random places get what is there', async () => {
    const { scattered } = FILES
    const file = await within(READ_MS, open(path.join(second.folder, 'scattered')), 'open')
    try {
      const places = Array.from({ length: 20 }, (_, i) => (i * 7919 * 4096 + 123) % (scattered.length - 10_000))
      await Promise.all(
        places.map(async (at) => {
          const bytes = Buffer.alloc(10_000)
          await within(READ_MS, file.read(bytes, 0, bytes.length, at), `reading at ${at}`)
          assert(bytes.equals(scattered.subarray(at, at + bytes.length)), `at ${at}`)
        }),
      )
    } finally {
      await file.close()
    }
  })

  it('compressed content comes as well', async () => {
    const { text } = FILES
    const at = 9 * MIB + 77
    assert((await readPart(second, 'text', { at, bytes: 4096 })).equals(text.subarray(at, at + 4096)))
    assert((await readIn(second, 'text', READ_MS)).equals(text))
  })

  it('a block that is damaged here comes again from who has it, and is mended', async () => {
    const present = new Set(await blocksOf(second))
    assert((await readIn(second, 'mended', READ_MS)).equals(FILES.mended))
    await umount(second)
    const its = (await blocksOf(second)).filter((block) => !present.has(block))
    assert(its.length > 0)
    const sum = () => second.sh(`cat ${its.join(' ')} | sha256sum`)
    const whole = await sum()
    for (const block of its) await spoil(second, block)
    const spoilt = await sum()
    assert.notEqual(spoilt, whole)
    await second.dfsOk(['mount', second.folder, '--offline'])
    await assert.rejects(readIn(second, 'mended'), { code: 'EIO' })
    await umount(second)
    assert.equal(await sum(), spoilt, 'nothing is lost where nobody has it')
    await second.dfsOk(['mount', second.folder])
    assert((await readIn(second, 'mended', READ_MS)).equals(FILES.mended))
    await umount(second)
    assert.equal(await sum(), whole)
  })

  it('what was opened once stays on this device', async () => {
    await umount(first)
    await second.dfsOk(['mount', second.folder, '--offline'])
    for (const name of ['large', 'mended'] as const) assert((await readIn(second, name)).equals(FILES[name]), name)
    await umount(second)
  })

  it('what nobody reachable has is an error in time, while names and sizes are there', async () => {
    await second.dfsOk(['mount', second.folder])
    const seen = await second.sh(`stat -c %s "${second.folder}/lost"; ls "${second.folder}"`)
    assert.equal(seen.trim(), [MIB, ...[...Object.keys(FILES), 'album', 'cellar'].sort()].join('\n'))
    await assert.rejects(readIn(second, 'lost'), { code: 'EIO' })
    // And when it is back, so is the file.
    await first.dfsOk(['mount', first.folder])
    const isBack = () => readIn(second, 'lost').then((bytes) => bytes.equals(FILES.lost))
    await until('the file can be read', () => isBack().catch(() => false), 60_000)
  })

  it('a block that is damaged at the provider never reaches a reader', async () => {
    await first.sh(`find "${first.home}/blocks" -type f -size +20k -exec ${overwrite('{}')} \\;`)
    await assert.rejects(readIn(second, SPOILT), { code: 'EIO' })
    await rm(path.join(second.folder, SPOILT))
  })
})

/** Unmounts; the daemon has ended when this resolves, and forgotten what it had in memory. */
async function umount(device: Device): Promise<void> {
  await device.dfsOk(['umount', device.folder])
  await until('its daemon has ended', () => device.pids().length === 0)
}

async function blocksOf(device: Device): Promise<string[]> {
  return (await device.sh(`find "${device.home}/blocks" -type f | sort`)).trim().split('\n')
}

function spoil(device: Device, block: string): Promise<string> {
  return device.sh(overwrite(block))
}

/** The command that damages a block's file. */
function overwrite(file: string): string {
  return `dd if=/dev/zero of=${file} bs=1 seek=10000 count=64 conv=notrunc status=none`
}
