/** What other file systems of this kind got wrong, each seen in one of them, none of it here. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { filesBelow } from '../../fault/support/damage.ts'
import { fuse } from '../../support/requirements.ts'
import { DfsSystem } from '../../support/systems/dfs.ts'
import { assertContent, noise, withFile } from '../support/files.ts'
import { isMounted } from '../support/mount.ts'
import { newPlace, type Place } from '../support/place.ts'

const skip = fuse()

test('fsync does something: what it covered is there when the daemon dies before the close', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  const fd = fs.openSync(join(system.root, 'file'), 'w')
  fs.writeSync(fd, noise(300_000))
  fs.fsyncSync(fd)
  await system.kill()
  assert.throws(() => fs.closeSync(fd))
  await system.mount()
  assertContent(join(system.root, 'file'), noise(300_000))
  await system.unmount()
})

test('ftruncate on an open handle survives an unmount', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  withFile(join(system.root, 'file'), 'w', (fd) => {
    fs.writeSync(fd, noise(200_000))
    fs.ftruncateSync(fd, 70_000)
  })
  await system.unmount()
  await system.mount()
  assertContent(join(system.root, 'file'), noise(200_000, 200_000).subarray(0, 70_000))
  await system.unmount()
})

test('a chmod does not empty the file, nor the stub', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.writeFileSync(join(system.root, 'file'), noise(100_000))
  await system.unmount()
  await system.mount()
  fs.chmodSync(join(system.root, 'file'), 0o755)
  await system.unmount()
  assert(fs.statSync(join(system.root, 'file.f')).size > 0)
  await system.mount()
  assertContent(join(system.root, 'file'), noise(100_000))
  await system.unmount()
})

test('a source out of reach is EIO, never an empty file', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.writeFileSync(join(system.root, 'file'), noise(300_000))
  await system.unmount()
  for (const block of filesBelow(system.blocks)) fs.rmSync(block)
  await system.mount()
  assert.equal(fs.statSync(join(system.root, 'file')).size, 300_000)
  assert.throws(() => fs.readFileSync(join(system.root, 'file')), { code: 'EIO' })
  // A copy refers to what the source does, and has no more of it.
  fs.copyFileSync(join(system.root, 'file'), join(system.root, 'copy'))
  assert.equal(fs.statSync(join(system.root, 'copy')).size, 300_000)
  assert.throws(() => fs.readFileSync(join(system.root, 'copy')), { code: 'EIO' })
  await system.unmount()
})

test('after the death of the daemon the folder mounts again, with nothing done by hand', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.writeFileSync(join(system.root, 'file'), noise(100_000))
  system.killDaemon()
  assert(isMounted(system.root), 'the dead mount is still there')
  await system.mount()
  assertContent(join(system.root, 'file'), noise(100_000))
  await system.unmount()
})

test('after the death of the daemon the dead mount can be taken away by dfs umount', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  system.killDaemon()
  await system.command(['umount', system.root])
  assert(!isMounted(system.root))
})

test('an unmount right after a write loses nothing', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  for (let round = 0; round < 3; round++) {
    await system.mount()
    for (let file = 0; file < 10; file++)
      fs.writeFileSync(join(system.root, `${round}-${file}`), noise(150_000, file + 1))
    await system.unmount()
  }
  await system.mount()
  for (let round = 0; round < 3; round++)
    for (let file = 0; file < 10; file++) assertContent(join(system.root, `${round}-${file}`), noise(150_000, file + 1))
  await system.unmount()
})

test('an unmount while a file is open is refused, says by whom, and loses nothing', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  const fd = fs.openSync(join(system.root, 'file'), 'w')
  fs.writeSync(fd, 'first half, ')
  const refused = await system.command(['umount', system.root])
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, new RegExp(`\\b${process.pid}\\b`))
  fs.writeSync(fd, 'second half')
  fs.closeSync(fd)
  await system.unmount()
  await system.mount()
  assertContent(join(system.root, 'file'), 'first half, second half')
  await system.unmount()
})

test('SIGTERM to the daemon stores what is dirty', { skip }, async (t) => {
  const place = newPlace(t)
  const system = new DfsSystem(place)
  await system.mount()
  const fd = fs.openSync(join(system.root, 'file'), 'w')
  fs.writeSync(fd, noise(300_000))
  for (const pid of place.pids()) process.kill(pid, 'SIGTERM')
  await system.ended()
  try {
    fs.closeSync(fd)
  } catch {
    // The file system it was on has gone.
  }
  await system.mount()
  assertContent(join(system.root, 'file'), noise(300_000))
  await system.unmount()
})

test('memory does not grow with open handles, nor with files read and closed', { skip }, async (t) => {
  const place = newPlace(t)
  const system = new DfsSystem(place)
  await system.mount()
  const path = join(system.root, 'file')
  fs.writeFileSync(path, noise(4_000_000))
  const useIt = () => {
    const fds = Array.from({ length: 300 }, () => fs.openSync(path, 'r'))
    for (const fd of fds) fs.readSync(fd, Buffer.alloc(100_000), 0, 100_000, 1_000_000)
    for (const fd of fds) fs.closeSync(fd)
  }
  for (let round = 0; round < 3; round++) useIt()
  const before = residentMib(place)
  for (let round = 0; round < 10; round++) useIt()
  const grown = residentMib(place) - before
  assert(grown < 60, `3,000 handles later the daemon is ${grown} MiB larger`)
  assert(residentMib(place) < 300, `${residentMib(place)} MiB`)
  await system.unmount()
})

function residentMib(place: Place): number {
  const kilobytes = place
    .pids()
    .map((pid) => /VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  return Math.max(...kilobytes.map(Number)) / 1024
}
