/**
 * Everything of a device is lost, and comes back on an empty one from 24 words and a friend who can read nothing: between
 * real daemons on loopback.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { chmod, link, lstat, mkdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Scope } from '../../support/scope.ts'
import { type Device, newDevice, pair } from '../support/device.ts'
import { HoldingDevice } from '../support/holding-device.ts'
import { fuseMissing } from '../support/mount.ts'
import { until, within } from '../support/process.ts'
import { connected, readIn, stopDaemon } from '../support/sharing.ts'

const FILES = {
  'small.txt': Buffer.from('hello'),
  'deep/er/medium': randomBytes(300_000),
  large: randomBytes(20_000_000),
  empty: Buffer.alloc(0),
}
const READ_MS = 30_000

describe('a folder comes back from a friend', { skip: fuseMissing() }, () => {
  const scope = new Scope()
  let lost: Device
  let friend: HoldingDevice
  let kit: string
  let friendAt: string

  before(async () => {
    lost = await newDevice(scope.context)
    const friendly = await newDevice(scope.context, { config: { offerBytes: 1_000_000_000 } })
    kit = (await lost.json('init', '--name', 'laptop')).kit
    await pair(lost, friendly, '--member')
    friendAt = (await friendly.json('peers')).network.addresses[0]
    await makeFolder(lost)
    for (const device of [lost, friendly]) await stopDaemon(device)
    friend = new HoldingDevice(friendly)
    const mine = new HoldingDevice(lost)
    for (const device of [friend, mine]) {
      scope.context.after(() => device.kill())
      await device.start()
    }
    await mine.meets(friend)
    assert((await mine.call('lendFolder', { folder: lost.folder, holder: friend.id })) > 20)
    await mine.kill()
    for (const gone of [lost.home, lost.folder]) await rm(gone, { recursive: true })
  })
  after(() => scope[Symbol.asyncDispose]())

  it('names, places, attributes and content, on an empty machine', async () => {
    const fresh = await newDevice(scope.context)
    const to = path.join(fresh.root, 'back')
    const args = ['recover', '--json', '--name', 'new', '--via', friendAt, '--to', to, '-']
    const recovered = JSON.parse(await fresh.dfsOk(args, { input: kit }))
    const { found } = recovered
    assert.equal(found.devices.length, 1)
    assert.deepEqual(
      found.folders.map(({ folder, problem }: { folder: string; problem?: string }) => [folder, problem]),
      [[path.join(to, 'folder'), undefined]],
    )

    const again = JSON.parse(await fresh.dfsOk(args, { input: kit }))
    assert.deepEqual(again.found.folders[0].folder, path.join(to, 'folder'))
    assert.equal(again.found.folders[0].objects, undefined)

    const back = { ...fresh, folder: path.join(to, 'folder') }
    await back.dfsOk(['mount', back.folder])
    await connected(back)
    for (const [name, content] of Object.entries(FILES)) {
      assert(content.equals(await readIn(back, name)), name)
    }
    await assertAttributes(back)
    await back.dfsOk(['umount', back.folder])
    await until('its daemon has ended', () => back.pids().length === 0)
  })

  it('a friend learns nothing, and others get nothing of it', async () => {
    const stranger = await newDevice(scope.context)
    const { kit: other } = await (await newDevice(scope.context)).json('init')
    const to = path.join(stranger.root, 'back')
    const said = await stranger.dfsOk(['recover', '--via', friendAt, '--to', to, '-'], { input: other })
    assert.match(said, /not connected yet/)
    assert(!existsSync(to))
    const names = Object.keys(FILES).map((name) => path.basename(name))
    const kept = path.join(friend.device.home, 'heads', 'kept')
    for (const file of readdirSync(kept)) {
      const record = await readFile(path.join(kept, file))
      for (const name of [...names, 'folder']) assert(!record.includes(name))
    }
  })
})

async function makeFolder(device: Device): Promise<void> {
  const { folder } = device
  await device.dfsOk(['mount', '--offline', folder])
  for (const [name, content] of Object.entries(FILES)) {
    await mkdir(path.join(folder, path.dirname(name)), { recursive: true })
    await writeFile(path.join(folder, name), content)
  }
  const at = (name: string) => path.join(folder, name)
  await link(at('small.txt'), at('deep/again'))
  await symlink('../small.txt', at('deep/link'))
  await chmod(at('small.txt'), 0o640)
  await device.sh(`setfattr -n user.colour -v blue "${at('large')}" || true`)
  await utimes(at('large'), 1_000_000_000, 1_000_000_001)
  mkdirSync(at('no files'))
  await device.dfsOk(['umount', folder])
}

async function assertAttributes(device: Device): Promise<void> {
  const at = (name: string) => path.join(device.folder, name)
  const stat = (name: string) => within(READ_MS, lstat(at(name)), name)
  const [one, other] = [await stat('small.txt'), await stat('deep/again')]
  assert.deepEqual([one.ino, one.nlink, one.mode & 0o7777], [other.ino, 2, 0o640])
  assert.equal(await within(READ_MS, readlink(at('deep/link')), 'link'), '../small.txt')
  assert.equal((await stat('large')).mtimeMs, 1_000_000_001_000)
  assert((await stat('no files')).isDirectory())
}
