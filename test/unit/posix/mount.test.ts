import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { closeFd } from '../../../src/posix/files.ts'
import { mountEntries, parseMountInfo, unmount } from '../../../src/posix/mount.ts'
import { holdersOf } from '../../../src/posix/mount-holders.ts'
import { scratchDirectory } from './scratch.ts'

const scratch = scratchDirectory()
const skip = process.getuid?.() !== 0 && 'only root may mount'

/** Mounts a tmpfs for one test; whatever the test leaves of it goes at the end. */
function mountSomething(t: TestContext, name: string): string {
  const target = join(scratch.path, name)
  mkdirSync(target)
  execFileSync('mount', ['-t', 'tmpfs', 'dfs test', target], { timeout: 10_000 })
  t.after(() => {
    if (isMounted(target)) execFileSync('umount', ['-l', target], { timeout: 10_000 })
  })
  return target
}

function isMounted(target: string): boolean {
  return mountEntries().some((entry) => entry.target === target)
}

/** A process with a working directory, ended with the test. */
async function sleeper(t: TestContext, cwd: string, stdin?: number) {
  const child = spawn('sleep', ['60'], { cwd, stdio: [stdin ?? 'ignore', 'ignore', 'ignore'] })
  t.after(() => child.kill())
  await once(child, 'spawn')
  return child
}

test('lines of mountinfo are read, with escapes and with or without optional fields', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue',
    '40 36 0:45 / /caf\\303\\251\\011\\134 ro - fuse.dfs dfs\\012x rw,user_id=0',
    '41 36 0:46 / /raw-\xc3\xa9 rw - tmpfs tmpfs rw',
    '',
  ].join('\n')
  assert.deepEqual(parseMountInfo(text), [
    {
      id: 36,
      device: '98:0',
      source: '/dev/root',
      target: '/mnt two',
      type: 'ext3',
      options: ['rw', 'noatime', 'rw', 'errors=continue'],
    },
    {
      id: 40,
      device: '0:45',
      source: 'dfs\nx',
      target: '/café\t\\',
      type: 'fuse.dfs',
      options: ['ro', 'rw', 'user_id=0'],
    },
    { id: 41, device: '0:46', source: 'tmpfs', target: '/raw-é', type: 'tmpfs', options: ['rw', 'rw'] },
  ])
})

test('the root directory is mounted', () => {
  assert.ok(isMounted('/'))
})

test('a mount is seen, and gone after unmounting', { skip }, async (t) => {
  const target = mountSomething(t, 'odd\n né\\ name')
  const entry = mountEntries().find((candidate) => candidate.target === target)
  assert.deepEqual([entry?.source, entry?.type], ['dfs test', 'tmpfs'])
  await unmount(target, { lazy: false })
  assert.equal(isMounted(target), false)
})

test('a mount in use is busy and says by whom, and goes when it is lazy', { skip }, async (t) => {
  const target = mountSomething(t, 'busy')
  assert.deepEqual(await holdersOf(target), [])
  const inside = await sleeper(t, target)
  const fd = openSync(target, 'r')
  const reading = await sleeper(t, '/', fd)
  closeFd(fd)
  await assert.rejects(unmount(target, { lazy: false }), { kind: 'busy' })
  assert.deepEqual(await holdersOf(target), [
    { pid: inside.pid, command: 'sleep' },
    { pid: reading.pid, command: 'sleep' },
  ])
  await unmount(target, { lazy: true })
  assert.equal(isMounted(target), false)
  assert.deepEqual(await holdersOf(target), [])
})

test('who entered the directory before the mount does not hold it', { skip }, async (t) => {
  mkdirSync(join(scratch.path, 'under'))
  const target = join(scratch.path, 'under')
  const before = await sleeper(t, target)
  execFileSync('mount', ['-t', 'tmpfs', 'dfs test', target], { timeout: 10_000 })
  t.after(() => {
    if (isMounted(target)) execFileSync('umount', ['-l', target], { timeout: 10_000 })
  })
  assert.notEqual(before.pid, undefined)
  assert.deepEqual(await holdersOf(target), [])
  await unmount(target, { lazy: false })
})

test('where nothing is mounted nothing can be unmounted, and nobody holds it', { skip }, async () => {
  await assert.rejects(unmount(scratch.path, { lazy: false }), { kind: 'invalid' })
  assert.deepEqual(await holdersOf(scratch.path), [])
})

test('a path with a NUL is refused', async () => {
  await assert.rejects(unmount('/a\0b', { lazy: false }), { kind: 'invalid' })
})
