/** What a file was before it was overwritten or removed can be had again. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fuse } from '../../support/requirements.ts'
import { DfsSystem } from '../../support/systems/dfs.ts'
import { assertContent, noise } from '../support/files.ts'
import { newPlace } from '../support/place.ts'
import { until } from '../support/process.ts'

const skip = fuse()

for (const [what, change] of [
  ['overwritten', (path: string) => fs.writeFileSync(path, 'the new version')],
  ['removed', (path: string) => fs.unlinkSync(path)],
] as const)
  test(`a file that was ${what} is restored as it was`, { skip }, async (t) => {
    const { system, path } = await storedFile(t)
    change(path)
    await remount(system)
    const history = await system.command(['history', path, '--json'])
    assert.equal(history.code, 0, history.stderr)
    assert.equal(JSON.parse(history.stdout).versions.length, 1)
    const restored = await system.command(['restore', path])
    assert.equal(restored.code, 0, restored.stderr)
    // What dfs changes past the kernel is seen once the kernel asks again.
    await until(
      'the restored content is seen',
      () => fs.existsSync(path) && fs.readFileSync(path).equals(noise(100_000)),
    )
    await remount(system)
    assertContent(path, noise(100_000))
    await system.unmount()
  })

test('what a restore replaces becomes a version, however soon after another', { skip }, async (t) => {
  const { system, path } = await storedFile(t)
  const sizes = async () => {
    const { code, stdout, stderr } = await system.command(['history', path, '--json'])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout).versions.map(({ size }: { size: number }) => size)
  }
  fs.writeFileSync(path, 'the new version')
  assert.deepEqual(await sizes(), [100_000])
  assert.equal((await system.command(['restore', path])).code, 0)
  assert.deepEqual(await sizes(), [15, 100_000])
  assert.equal((await system.command(['restore', path])).code, 0)
  assert.deepEqual(await sizes(), [100_000, 15, 100_000])
  await system.unmount()
})

test('versions are shown below .dfs/versions and cannot be changed there', { skip }, async (t) => {
  const { system, path } = await storedFile(t)
  fs.unlinkSync(path)
  const versions = join(system.root, '.dfs', 'versions')
  const shown = fs
    .readdirSync(versions, { recursive: true, encoding: 'utf8' })
    .map((name) => join(versions, name))
    .filter((version) => fs.statSync(version).isFile())
  assert.equal(shown.length, 1)
  assertContent(shown[0]!, noise(100_000))
  assert.throws(() => fs.writeFileSync(shown[0]!, 'other history'))
  assertContent(shown[0]!, noise(100_000))
  await system.unmount()
})

test('.dfs/versions shows what was overwritten and deleted by its path, to any program', { skip }, async (t) => {
  const { system, path } = await storedFile(t)
  const inside = (...names: string[]) => join(system.root, ...names)
  fs.mkdirSync(inside('photos/2026'), { recursive: true })
  fs.writeFileSync(inside('photos/2026/a b.jpg'), noise(70_000, 7))
  await remount(system)
  fs.writeFileSync(path, 'the new version')
  fs.rmSync(inside('photos'), { recursive: true })
  await remount(system)

  const versions = inside('.dfs', 'versions')
  assert.deepEqual(fs.readdirSync(versions).sort(), ['file', 'photos'])
  const [version] = fs.readdirSync(join(versions, 'file'))
  assertContent(join(versions, 'file', version!), noise(100_000))
  const [photo] = fs.readdirSync(join(versions, 'photos/2026/a b.jpg'))
  assert.match(photo!, /^\d{8}T\d{6}\.\d{3}Z\.jpg$/)
  const { stdout } = await system.command(['history', path, '--json'])
  assert.equal(JSON.parse(stdout).versions[0].time, version)

  const sh = (script: string) => execFileSync('sh', ['-c', script], { cwd: system.root, encoding: 'utf8' })
  sh(`cp -p '.dfs/versions/photos/2026/a b.jpg/${photo}' back.jpg`)
  assertContent(inside('back.jpg'), noise(70_000, 7))
  assert.equal(sh(`cmp '.dfs/versions/file/${version}' file || echo differs`).includes('differs'), true)
  assert.deepEqual(sh('find .dfs/versions -type f | sort').trim().split('\n'), [
    `.dfs/versions/file/${version}`,
    `.dfs/versions/photos/2026/a b.jpg/${photo}`,
  ])
  assert.equal(sh('ls -aR; find . | sort; tar -c . | tar -t').includes('.dfs'), false)
  assert.equal(fs.statSync(versions).isDirectory(), true)

  for (const change of [
    () => fs.writeFileSync(join(versions, 'file', version!), 'other history'),
    () => fs.truncateSync(join(versions, 'file', version!), 0),
    () => fs.chmodSync(join(versions, 'file', version!), 0o777),
    () => fs.chmodSync(join(versions, 'photos'), 0o777),
    () => fs.unlinkSync(join(versions, 'file', version!)),
    () => fs.rmdirSync(join(versions, 'photos')),
    () => fs.mkdirSync(join(versions, 'new')),
    () => fs.writeFileSync(join(versions, 'photos', 'new'), ''),
    () => fs.renameSync(join(versions, 'file', version!), inside('taken')),
    () => fs.linkSync(join(versions, 'file', version!), inside('taken')),
    () => fs.renameSync(inside('back.jpg'), join(versions, 'photos', 'new')),
    () => fs.symlinkSync('target', join(versions, 'photos', 'new')),
  ])
    assert.throws(change, ({ code }: NodeJS.ErrnoException) => code === 'EROFS' || code === 'EACCES')
  assertContent(join(versions, 'file', version!), noise(100_000))

  await remount(system)
  assert.deepEqual(fs.readdirSync(versions).sort(), ['file', 'photos'])
  fs.unlinkSync(inside('back.jpg'))
  assert.deepEqual(fs.readdirSync(versions).sort(), ['back.jpg', 'file', 'photos'])
  assertContent(join(versions, 'back.jpg', fs.readdirSync(join(versions, 'back.jpg'))[0]!), noise(70_000, 7))
  await system.unmount()
})

/** A mounted folder with one file, in a stub by now, whose removal would keep it however young it is. */
async function storedFile(t: TestContext): Promise<{ system: DfsSystem; path: string }> {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  const path = join(system.root, 'file')
  fs.writeFileSync(path, noise(100_000))
  await system.unmount()
  const configured = await system.command(['config', 'set', 'keepDeletedAfterSeconds', '0'])
  assert.equal(configured.code, 0, configured.stderr)
  await system.mount()
  return { system, path }
}

async function remount(system: DfsSystem): Promise<void> {
  await system.unmount()
  await system.mount()
}
