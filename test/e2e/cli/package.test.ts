/** The package as it would be published: built files and no sources. On a clean Debian: test/package. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { fuseMissing } from '../support/mount.ts'
import { newPlace } from '../support/place.ts'
import { runOk } from '../support/process.ts'
import { PROJECT } from '../support/second-user.ts'
import { send, startUi } from '../support/ui.ts'

test('the built package runs the command and its daemon', async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'dfs-package-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const tsc = path.join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc')
  await runOk(process.execPath, [
    tsc,
    '-p',
    path.join(PROJECT, 'tsconfig.build.json'),
    '--outDir',
    path.join(root, 'dist'),
  ])
  const { files } = JSON.parse(readFileSync(path.join(PROJECT, 'package.json'), 'utf8'))
  for (const name of ['package.json', ...files.filter((name: string) => name !== 'dist')])
    cpSync(path.join(PROJECT, name), path.join(root, name), { recursive: true })
  symlinkSync(path.join(PROJECT, 'node_modules'), path.join(root, 'node_modules'))
  assert.ok(!existsSync(path.join(root, 'src')))

  const place = newPlace(t)
  const dfs = (...args: string[]) =>
    runOk(process.execPath, [path.join(root, 'bin', 'dfs.js'), ...args], { env: place.env })
  await dfs('init')
  const id = JSON.parse(await dfs('id', '--json'))
  assert.equal(id.home, place.home)
  assert.match(await runOk(process.execPath, [path.join(root, 'dist', 'cli', 'man-page-main.js')]), /^\.TH DFS 1 /)

  if (fuseMissing() === false) {
    await dfs('mount', place.folder)
    await place.sh('echo words > folder/note.txt')
    await dfs('umount', place.folder)
    assert.equal(await dfs('cat', path.join(place.folder, 'note.txt.f')), 'words\n')
  }

  const ui = await startUi(t, { ...place, command: [process.execPath, path.join(root, 'bin', 'dfs.js')] })
  for (const asset of ['base.css', 'page.js', 'icon.svg'])
    assert.equal((await send(`${ui.origin}/${asset}`)).status, 200)
})
