/** Files whose blocks are on another device, through the mount, between real daemons on loopback. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'

const MIB = 1024 * 1024
const READ_MS = 30_000
const skip = fuseMissing()

/** Two devices of one person: the first has the files, the second only their stubs. Both are mounted. */
async function carriedOver(t: TestContext, files: Record<string, Buffer>): Promise<[Device, Device]> {
  const [first, second] = [await newDevice(t), await newDevice(t)]
  await first.dfsOk(['init'])
  await pair(first, second)
  await first.dfsOk(['mount', first.folder])
  for (const [name, bytes] of Object.entries(files)) await writeFile(path.join(first.folder, name), bytes)
  await first.dfsOk(['umount', first.folder])
  await first.sh(`cp -a "${first.folder}/." "${second.folder}/"; rm -f "${second.folder}/.dfs/lock"`)
  await first.dfsOk(['mount', first.folder])
  await second.dfsOk(['mount', second.folder])
  return [first, second]
}

function read(device: Device, name: string): Promise<Buffer> {
  return within(READ_MS, readFile(path.join(device.folder, name)), `reading ${name}`)
}

test('a file opens on the device that has only its stub, and stays there', { skip }, async (t) => {
  const files = { small: randomBytes(5000), medium: randomBytes(3 * MIB), large: randomBytes(40 * MIB) }
  const [first, second] = await carriedOver(t, files)
  for (const [name, bytes] of Object.entries(files)) assert((await read(second, name)).equals(bytes), name)
  // Without the other device: from the store, once the daemon has forgotten what it had in memory.
  await first.dfsOk(['umount', first.folder])
  await second.dfsOk(['umount', second.folder])
  await until('both daemons have ended', () => first.pids().length + second.pids().length === 0)
  await second.dfsOk(['mount', second.folder, '--offline'])
  assert((await read(second, 'large')).equals(files.large))
})

test('reads at random places get what is there', { skip }, async (t) => {
  const large = randomBytes(30 * MIB)
  const [, second] = await carriedOver(t, { large })
  const file = await within(READ_MS, open(path.join(second.folder, 'large')), 'open')
  try {
    const places = Array.from({ length: 20 }, (_, i) => (i * 7919 * 4096 + 123) % (large.length - 10_000))
    await Promise.all(
      places.map(async (at) => {
        const bytes = Buffer.alloc(10_000)
        await within(READ_MS, file.read(bytes, 0, bytes.length, at), `reading at ${at}`)
        assert(bytes.equals(large.subarray(at, at + bytes.length)), `at ${at}`)
      }),
    )
  } finally {
    await file.close()
  }
})

test('compressed content comes as well', { skip }, async (t) => {
  const text = Buffer.from('all work and no play makes jack a dull boy\n'.repeat(300_000))
  const [, second] = await carriedOver(t, { text })
  const file = await within(READ_MS, open(path.join(second.folder, 'text')), 'open')
  const bytes = Buffer.alloc(4096)
  await within(READ_MS, file.read(bytes, 0, bytes.length, 9 * MIB + 77), 'reading in the middle')
  await file.close()
  assert(bytes.equals(text.subarray(9 * MIB + 77, 9 * MIB + 77 + 4096)))
  assert((await read(second, 'text')).equals(text))
})

test('what nobody reachable has is an error in time, while names and sizes are there', { skip }, async (t) => {
  const lost = randomBytes(MIB)
  const [first, second] = await carriedOver(t, { lost })
  await first.dfsOk(['umount', first.folder])
  await until('the first daemon has ended', () => first.pids().length === 0)
  assert.equal((await second.sh(`stat -c %s "${second.folder}/lost"; ls "${second.folder}"`)).trim(), `${MIB}\nlost`)
  await assert.rejects(read(second, 'lost'), { code: 'EIO' })
  // And when it is back, so is the file.
  await first.dfsOk(['mount', first.folder])
  await until(
    'the file can be read',
    () =>
      read(second, 'lost')
        .then((bytes) => bytes.equals(lost))
        .catch(() => false),
    60_000,
  )
})

test('a block that is damaged at the provider never reaches a reader', { skip }, async (t) => {
  const content = randomBytes(300_000)
  const [first, second] = await carriedOver(t, { content })
  await first.sh(
    `find "${first.home}/blocks" -type f -size +20k -exec dd if=/dev/zero of={} bs=1 seek=10000 count=64 conv=notrunc status=none \\;`,
  )
  await assert.rejects(read(second, 'content'), { code: 'EIO' })
  await rm(path.join(second.folder, 'content'))
})

test('a block that is damaged here comes again from who has it, and is mended', { skip }, async (t) => {
  const content = randomBytes(3 * MIB)
  const [first, second] = await carriedOver(t, { content })
  assert((await read(second, 'content')).equals(content))
  const away = async (device: Device) => {
    await device.dfsOk(['umount', device.folder])
    await until('its daemon has ended', () => device.pids().length === 0)
  }
  await away(second)
  const blocks = () => second.sh(`cat $(find "${second.home}/blocks" -type f | sort) | sha256sum`)
  const whole = await blocks()
  await second.sh(
    `find "${second.home}/blocks" -type f -exec dd if=/dev/zero of={} bs=1 seek=10000 count=64 conv=notrunc status=none \\;`,
  )
  const spoilt = await blocks()
  await second.dfsOk(['mount', second.folder, '--offline'])
  await assert.rejects(read(second, 'content'), { code: 'EIO' })
  await away(second)
  assert.equal(await blocks(), spoilt)
  await second.dfsOk(['mount', second.folder])
  assert((await read(second, 'content')).equals(content))
  await away(first)
  await away(second)
  assert.equal(await blocks(), whole)
})
