import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fuseMissing, isMounted, mountFolder } from '../support/mount.ts'
import { newPlace } from '../support/place.ts'
import { until } from '../support/process.ts'
import { secondUser, secondUserMissing } from '../support/second-user.ts'

const skip = fuseMissing()
const ONE_LINE = /^dfs: [^\n]+\n$/

test('the first mount of all makes the folder; a later one takes what is not there for a slip', { skip }, async (t) => {
  const place = newPlace(t)
  rmSync(place.folder, { recursive: true })
  assert.match(await place.dfsOk(['mount', place.folder]), /^Made and mounted: /m)
  await place.sh(`printf new > ${place.folder}/file`)
  await place.dfsOk(['umount', place.folder])
  assert.deepEqual(readdirSync(place.folder).sort(), ['.dfs', 'file.f'])
  const { code, stderr } = await place.dfs(['mount', path.join(place.root, 'other')])
  assert.equal(code, 3)
  assert.match(stderr, /is not there; make it with "mkdir -p /)
})

test('the first mount makes the home and prints the kit on stderr', { skip }, async (t) => {
  const place = newPlace(t)
  const { code, stdout, stderr } = await place.dfs(['mount', place.folder])
  assert.equal(code, 0)
  assert.match(stderr, /recovery kit/)
  assert.equal(stdout, `Mounted: ${place.folder}\n`)
  const again = JSON.parse(await place.dfsOk(['mount', place.folder, '--json']))
  assert.partialDeepStrictEqual(again, { folder: place.folder, mountpoint: place.folder, already: true })
  assert.equal(again.kit, undefined)
})

test('a folder is mounted elsewhere, and its stubs stay to see', { skip }, async (t) => {
  const place = newPlace(t)
  const at = path.join(place.root, 'at')
  mkdirSync(at)
  await place.dfsOk(['mount', place.folder, at])
  await place.sh(`printf x > ${at}/file`)
  assert.equal(await place.sh(`cat ${at}/file`), 'x')
  assert.ok(existsSync(path.join(place.folder, 'file.f')))
  const { code, stderr } = await place.dfs(['mount', place.folder])
  assert.equal(code, 0, stderr)
  await place.dfsOk(['umount', at])
  assert.deepEqual(readdirSync(at), [])
})

test('what cannot be mounted is refused in one line, and nothing is changed', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  const file = path.join(place.root, 'file')
  const full = path.join(place.root, 'full')
  writeFileSync(file, 'content')
  mkdirSync(full)
  writeFileSync(path.join(full, 'x'), '')
  for (const [args, code] of [
    [[file], 4],
    [[path.join(place.root, 'missing')], 3],
    [[path.join(place.home, 'blocks')], 2],
    [[place.root], 2],
    [[place.folder, full], 4],
    [[place.folder, path.join(place.root, 'missing')], 3],
    [[place.folder, path.join(place.home, 'index')], 2],
    [[place.folder, '--driver', 'ntfs'], 2],
  ] as const) {
    const result = await place.dfs(['mount', ...args])
    assert.equal(result.code, code, `${args}: ${result.stderr}`)
    assert.match(result.stderr, ONE_LINE)
  }
  assert.deepEqual(readdirSync(place.root).includes('.dfs'), false)
  assert.deepEqual(readdirSync(full), ['x'])
})

test('a copied folder is refused, a moved one is not', { skip }, async (t) => {
  const place = await mountFolder(t)
  await place.sh(`printf x > ${place.folder}/file`)
  await place.unmount()
  const copy = path.join(place.root, 'copy')
  cpSync(place.folder, copy, { recursive: true })
  const refused = await place.dfs(['mount', copy])
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, /is a copy of the folder/)
  rmSync(copy, { recursive: true })
  renameSync(place.folder, copy)
  await place.dfsOk(['mount', copy])
  assert.equal(await place.sh(`cat ${copy}/file`), 'x')
  await place.dfsOk(['umount', copy])
})

test('a folder whose disk is missing is not begun anew', { skip }, async (t) => {
  const place = await mountFolder(t)
  await place.unmount()
  renameSync(place.folder, `${place.folder}.away`)
  mkdirSync(place.folder)
  const { code, stderr } = await place.dfs(['mount', place.folder])
  assert.equal(code, 12)
  assert.match(stderr, ONE_LINE)
  assert.deepEqual(readdirSync(place.folder), [])
  await place.dfsOk(['mount', '--yes', place.folder])
  await place.unmount()
})

test('a folder of another personal key is refused in one line', { skip }, async (t) => {
  const place = await mountFolder(t)
  await place.unmount()
  const { code, stderr } = await place.dfs(['mount', place.folder], {
    env: { DFS_HOME: path.join(place.root, 'other') },
  })
  assert.equal(code, 9)
  assert.match(stderr, /another personal key/)
})

test('a folder that another home serves is refused', { skip }, async (t) => {
  const place = await mountFolder(t)
  const { code, stderr } = await place.dfs(['mount', place.folder], {
    env: { DFS_HOME: path.join(place.root, 'other') },
  })
  assert.equal(code, 6)
  assert.match(stderr, /another dfs/)
  assert.equal(isMounted(place.folder), true)
})

test('the mount of a daemon that was killed is replaced, also while the kernel remembers what it said', {
  skip,
}, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  await place.sh(`printf x > ${place.folder}/file; ls -la ${place.folder}; stat ${place.folder}`)
  for (const pid of place.pids()) process.kill(pid, 'SIGKILL')
  await until('the daemon has ended', () => place.pids().length === 0)
  assert.ok((await place.dfs(['doctor'])).stdout.includes(`nobody serves ${place.folder}`))
  assert.equal(await place.dfsOk(['mount', place.folder]), `Mounted: ${place.folder}\n`)
  assert.equal(await place.sh(`cat ${place.folder}/file`), 'x')
  await place.dfsOk(['umount', place.folder])
})

test('a mount in use says by whom; lazily it goes', { skip }, async (t) => {
  const place = await mountFolder(t)
  const user = spawn('sleep', ['60'], { cwd: place.folder })
  t.after(() => user.kill())
  await once(user, 'spawn')
  const { code, stderr } = await place.dfs(['umount', place.folder])
  assert.equal(code, 6)
  assert.match(stderr, new RegExp(`sleep.*\\(${user.pid}\\).*--lazy[^\\n]*\\n$`))
  assert.match(await place.dfsOk(['umount', '--lazy', place.folder]), /programs still use it/)
  assert.equal(isMounted(place.folder), false)
  const again = await place.dfs(['mount', place.folder])
  assert.equal(again.code, 6)
  assert.match(again.stderr, /unmounted lazily/)
  user.kill()
  await until('the daemon has ended', () => place.pids().length === 0)
})

test('a daemon that ends takes a mount away that is in use', { skip }, async (t) => {
  const place = await mountFolder(t)
  await place.sh(`printf kept > ${place.folder}/file`)
  const user = spawn('sleep', ['60'], { cwd: place.folder })
  t.after(() => user.kill())
  await once(user, 'spawn')
  await place.dfsOk(['daemon', '--stop'])
  assert.equal(isMounted(place.folder), false)
  assert.equal(await place.dfsOk(['cat', `${place.folder}/file.f`]), 'kept')
})

test('umount --force takes off a mount as it is, and only one of dfs', { skip }, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['mount', place.folder])
  await place.sh(`echo kept > '${place.folder}/file'`)
  await place.dfsOk(['umount', '--force', place.folder])
  await place.sh(`test -e '${place.folder}/file.f'`)
  await until('the daemon has noticed', () => place.pids().length === 0)
  await place.dfsOk(['mount', place.folder])
  assert.equal(await place.sh(`cat '${place.folder}/file'`), 'kept\n')
  await place.dfsOk(['umount', place.folder])
  const { code, stderr } = await place.dfs(['umount', '--force', place.folder])
  assert.notEqual(code, 0)
  assert.match(stderr, /nothing of dfs is mounted there/)
})

test('umount of what is not mounted says so', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  const { code, stderr } = await place.dfs(['umount', place.folder])
  assert.equal(code, 2)
  assert.match(stderr, ONE_LINE)
})

test('an ordinary user mounts, writes and unmounts', { skip: secondUserMissing() }, async (t) => {
  const place = newPlace(t, { user: await secondUser(t) })
  await place.dfsOk(['mount', place.folder])
  await place.sh(`printf mine > ${place.folder}/file`)
  assert.equal(await place.sh(`stat -c %u ${place.folder}/file`), `${place.user!.uid}\n`)
  await place.dfsOk(['umount', place.folder])
  assert.deepEqual(readdirSync(place.folder).sort(), ['.dfs', 'file.f'])
  await place.dfsOk(['mount', place.folder])
  await place.dfsOk(['umount', '--force', place.folder])
  assert.equal(isMounted(place.folder), false)
})

test('a mount that fusermount refuses says why', { skip: secondUserMissing() }, async (t) => {
  const place = newPlace(t, { user: await secondUser(t) })
  const mountpoint = path.join(place.root, 'of root')
  mkdirSync(mountpoint)
  const { code, stderr } = await place.dfs(['mount', place.folder, mountpoint])
  assert.equal(code, 5)
  assert.match(stderr, /^dfs: .*refused: .*write access/m)
})
