/** What a file was before it was overwritten or removed can be had again. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fuse } from '../../support/requirements.ts'
import { DfsSystem } from '../../support/systems/dfs.ts'
import { assertContent, noise } from '../support/files.ts'
import { newPlace } from '../support/place.ts'

const skip = fuse()

for (const [what, change] of [
  ['overwritten', (path: string) => fs.writeFileSync(path, 'the new version')],
  ['removed', (path: string) => fs.unlinkSync(path)],
] as const)
  test(`a file that was ${what} is restored as it was`, { skip }, async (t) => {
    const system = new DfsSystem(newPlace(t))
    await system.mount()
    const path = join(system.root, 'file')
    fs.writeFileSync(path, noise(100_000))
    change(path)
    const history = await system.command(['history', path, '--json'])
    assert.equal(history.code, 0, history.stderr)
    const restored = await system.command(['restore', path, '--yes'])
    assert.equal(restored.code, 0, restored.stderr)
    assertContent(path, noise(100_000))
    await system.unmount()
    await system.mount()
    assertContent(path, noise(100_000))
    await system.unmount()
  })

test('versions are shown below .dfs/versions and cannot be changed there', { skip }, async (t) => {
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  fs.writeFileSync(join(system.root, 'file'), noise(100_000))
  fs.unlinkSync(join(system.root, 'file'))
  const versions = join(system.root, '.dfs', 'versions')
  const shown = fs
    .readdirSync(versions, { recursive: true, encoding: 'utf8' })
    .map((name) => join(versions, name))
    .filter((path) => fs.statSync(path).isFile())
  assert.equal(shown.length, 1)
  assertContent(shown[0]!, noise(100_000))
  assert.throws(() => fs.writeFileSync(shown[0]!, 'other history'))
  assertContent(shown[0]!, noise(100_000))
  await system.unmount()
})
