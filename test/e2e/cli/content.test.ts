import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fuseMissing, mountFolder } from '../support/mount.ts'
import { newPlace, type Place } from '../support/place.ts'
import { until } from '../support/process.ts'

const skip = fuseMissing()
const BIG = randomBytes(3_000_000)

/** A folder with a small and a large file, added and not mounted. */
async function addedFolder(t: Parameters<typeof newPlace>[0]): Promise<Place> {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  mkdirSync(path.join(place.folder, 'sub'))
  writeFileSync(path.join(place.folder, 'small'), 'small content', { mode: 0o640 })
  writeFileSync(path.join(place.folder, 'sub', 'big.bin'), BIG)
  const added = JSON.parse(await place.dfsOk(['add', place.folder, '--json']))
  assert.deepEqual(added, { files: 2, bytes: BIG.length + 13, skipped: [] })
  return place
}

function blocksOf(home: string): string[] {
  const blocks = path.join(home, 'blocks')
  return readdirSync(blocks, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

test('add makes stubs, get and cat give the originals back, without a mount', async (t) => {
  const place = await addedFolder(t)
  assert.deepEqual(readdirSync(place.folder).sort(), ['.dfs', 'small.f', 'sub'])
  const out = path.join(place.root, 'out')
  mkdirSync(out)
  await place.dfsOk(['get', path.join(place.folder, 'sub', 'big.bin.f'), '-o', out])
  assert.ok(readFileSync(path.join(out, 'big.bin')).equals(BIG))
  await place.dfsOk(['get', path.join(place.folder, 'small'), '-o', path.join(out, 'copy')])
  assert.equal(statSync(path.join(out, 'copy')).mode & 0o777, 0o640)
  assert.ok((await place.dfs(['cat', path.join(place.folder, 'sub', 'big.bin.f')])).stdoutBytes.equals(BIG))
  const again = await place.dfs(['get', path.join(place.folder, 'small.f'), '-o', out])
  assert.equal(again.code, 0)
  assert.equal((await place.dfs(['get', path.join(place.folder, 'small.f'), '-o', out])).code, 4)
})

test('a stub outside its folder is read, too', async (t) => {
  const place = await addedFolder(t)
  const loose = path.join(place.root, 'loose.f')
  copyFileSync(path.join(place.folder, 'sub', 'big.bin.f'), loose)
  assert.ok((await place.dfs(['cat', loose])).stdoutBytes.equals(BIG))
})

test('add inside a mount takes what was plain', { skip }, async (t) => {
  const place = newPlace(t)
  writeFileSync(path.join(place.folder, 'plain'), 'was plain')
  await place.dfsOk(['mount', place.folder])
  assert.equal(await place.sh(`cat ${place.folder}/plain`), 'was plain')
  await place.dfsOk(['add', path.join(place.folder, 'plain')])
  assert.equal(await place.sh(`cat ${place.folder}/plain`), 'was plain')
  assert.equal(await place.dfsOk(['cat', path.join(place.folder, 'plain')]), 'was plain')
  await place.dfsOk(['umount', place.folder])
  assert.deepEqual(readdirSync(place.folder).sort(), ['.dfs', 'plain.f'])
})

test('mount --adopt takes all that is plain', { skip }, async (t) => {
  const place = newPlace(t)
  writeFileSync(path.join(place.folder, 'plain'), 'was plain')
  const { adopted } = JSON.parse(await place.dfsOk(['mount', '--adopt', '--json', place.folder]))
  assert.equal(adopted.files, 1)
  await place.dfsOk(['umount', place.folder])
  assert.ok(existsSync(path.join(place.folder, 'plain.f')))
})

test('a lone file and a path outside all folders are refused with the mend', async (t) => {
  const place = await addedFolder(t)
  const lone = path.join(place.root, 'lone')
  writeFileSync(lone, 'x')
  for (const [args, code] of [
    [['add', lone], 2],
    [['add', path.join(place.root, 'missing')], 3],
    [['cat', lone], 2],
    [['history', lone], 3],
    [['cat', path.join(place.folder, 'sub')], 4],
    [['cat', path.join(place.folder, 'missing.f')], 3],
    [['verify', place.root], 3],
  ] as const) {
    const result = await place.dfs(args)
    assert.equal(result.code, code, `${args}: ${result.stderr}`)
    assert.match(result.stderr, /^dfs: [^\n]+\n$/)
  }
  assert.equal(readFileSync(lone, 'utf8'), 'x')
})

test('status counts files and bytes, mounted or not', async (t) => {
  const place = await addedFolder(t)
  const status = JSON.parse(await place.dfsOk(['status', '--json']))
  assert.equal(status.folders.length, 1)
  assert.partialDeepStrictEqual(status.folders[0], { folder: place.folder, files: 2, logicalBytes: BIG.length + 13 })
  assert.equal(status.folders[0].mountpoint, undefined)
  assert.ok(status.store.bytes >= BIG.length)
  const file = JSON.parse(await place.dfsOk(['status', path.join(place.folder, 'small.f'), '--json']))
  assert.deepEqual(file.file, { path: path.join(place.folder, 'small'), size: 13, state: 'local' })
})

test('status goes on when a folder is away', async (t) => {
  const place = await addedFolder(t)
  rmSync(place.folder, { recursive: true })
  const status = JSON.parse(await place.dfsOk(['status', '--json']))
  assert.match(status.folders[0].problem, /is not there/)
})

test('verify names what is damaged and the files it hits', async (t) => {
  const place = await addedFolder(t)
  assert.match(await place.dfsOk(['verify']), /Everything is as it should be/)
  // Not a node of the manifest, which alone says what else is missing.
  const [first, second] = blocksOf(place.home).toSorted((a, b) => statSync(b).size - statSync(a).size)
  truncateSync(first!, 100)
  rmSync(second!)
  const { code, stdout } = await place.dfs(['verify', '--json'])
  assert.equal(code, 13)
  const { damaged, missing } = JSON.parse(stdout)
  assert.deepEqual([damaged.length, missing.length], [1, 1])
  assert.match(damaged[0].files[0], /sub\/big\.bin$/)
  assert.match(missing[0].files[0], /sub\/big\.bin$/)
  const read = await place.dfs(['get', path.join(place.folder, 'sub', 'big.bin.f'), '-o', place.root])
  assert.notEqual(read.code, 0)
  assert.equal(existsSync(path.join(place.root, 'big.bin')), false)
})

test('gc deletes what nothing needs, and nothing while a folder is away', async (t) => {
  const place = await addedFolder(t)
  await place.dfsOk(['config', 'set', 'gcGraceMinutes', '0'])
  assert.equal(JSON.parse(await place.dfsOk(['gc', '--json'])).blocks, 0)
  const blocks = blocksOf(place.home).length
  rmSync(path.join(place.folder, 'sub'), { recursive: true })
  const freed = JSON.parse(await place.dfsOk(['gc', '--json']))
  assert.equal(freed.blocks, blocks)
  rmSync(place.folder, { recursive: true })
  const refused = await place.dfs(['gc'])
  assert.equal(refused.code, 3)
  assert.match(refused.stderr, /^dfs: [^\n]+\n$/)
})

test('history lists versions and restore brings one back', { skip }, async (t) => {
  const place = await mountFolder(t)
  const file = path.join(place.folder, 'report')
  await place.sh(`printf one > ${file}`)
  await place.unmount()
  await place.mount()
  await place.sh(`printf two > ${file}`)
  const { versions } = JSON.parse(await place.dfsOk(['history', file, '--json']))
  assert.equal(versions.length, 1)
  await place.dfsOk(['restore', file, '--at', versions[0].time])
  assert.equal(await place.sh(`cat ${file}`), 'one')
  await place.sh(`rm ${file}`)
  await place.dfsOk(['restore', file, '--at', versions[0].time])
  // The kernel may remember for a second that the name was gone.
  await until('the file is seen again', () => existsSync(file))
  assert.equal(await place.sh(`cat ${file}`), 'one')
})
