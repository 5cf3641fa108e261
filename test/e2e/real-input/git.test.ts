/** git works in the mount: clone, commits, gc, and its own checks after a remount. */
import assert from 'node:assert/strict'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { program, skipUnless } from '../../support/requirements.ts'
import { target } from '../../support/systems/target.ts'
import { noise } from '../support/files.ts'
import { newPlace } from '../support/place.ts'
import { runOk } from '../support/process.ts'
import { PROJECT } from '../support/second-user.ts'

const skip = skipUnless(target.missing, program('git'))

test('a clone in the mount takes commits, and git finds no fault with it after a remount', { skip }, async (t) => {
  const place = newPlace(t)
  const origin = join(place.root, 'origin')
  const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'safe.directory=*']
  const git = (directory: string, ...args: string[]) =>
    runOk('git', ['-C', directory, ...author, ...args], { env: place.env, deadlineMs: 120_000 })

  for (const name of ['src', 'test']) cpSync(join(PROJECT, name), join(origin, name), { recursive: true })
  await git(origin, 'init', '-q', '-b', 'main')
  await git(origin, 'add', '.')
  await git(origin, 'commit', '-qm', 'everything')

  const system = await target.create(place)
  await system.mount()
  const clone = join(system.root, 'clone')
  await runOk('git', ['clone', '-q', '--no-local', origin, clone], { env: place.env, deadlineMs: 120_000 })
  assert.equal(await git(clone, 'status', '--porcelain'), '')
  for (let commit = 0; commit < 5; commit++) {
    writeFileSync(join(clone, 'src', `new-${commit}`), noise(20_000, commit + 1))
    await git(clone, 'add', '.')
    await git(clone, 'commit', '-qm', `commit ${commit}`)
  }
  rmSync(join(clone, 'src', 'new-0'))
  await git(clone, 'commit', '-qam', 'one less')
  await git(clone, 'checkout', '-q', '-b', 'branch', 'HEAD~3')
  await git(clone, 'checkout', '-q', 'main')
  await git(clone, 'gc', '-q')
  const head = await git(clone, 'rev-parse', 'HEAD')

  await system.unmount()
  await system.mount()
  assert.equal(await git(clone, 'rev-parse', 'HEAD'), head)
  assert.equal(await git(clone, 'status', '--porcelain'), '')
  await git(clone, 'fsck', '--full', '--strict')
  await git(clone, 'push', '-q', 'origin', 'main:pushed')
  assert.equal(await git(origin, 'rev-parse', 'pushed'), head)
  await system.unmount()
})
