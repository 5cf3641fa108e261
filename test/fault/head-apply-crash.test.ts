import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildHead } from '../../src/sync/head-build.ts'
import { Random, seedFrom } from '../support/random.ts'
import { apply, headOf } from '../unit/sync/folder-heads.ts'
import { entriesOf, MemoryNodes } from '../unit/sync/support.ts'
import { temporaryDirectory } from '../unit/vfs/support.ts'
import { entriesToApply } from './support/apply-until-killed.ts'

const CHILD = fileURLToPath(new URL('support/apply-until-killed.ts', import.meta.url))
const KILLS = 6
const DELAY_MS_MAX = 200

/** Wherever the kill comes, what follows must hold; so it may come at any time. */
async function applyUntilKilled(directory: string, delayMs: number): Promise<void> {
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  await once(child.stdout!, 'data')
  await Promise.race([ended, sleep(delayMs)])
  child.kill('SIGKILL')
  await ended
}

test('a folder that is being brought back is the same in the end, however often that is killed', async () => {
  const random = new Random(seedFrom('DFS_CRASH_SEED'))
  const directory = temporaryDirectory()
  const isDone = () => existsSync(path.join(directory, '100')) && !existsSync(path.join(directory, '.dfs/restoring'))
  for (let kills = 0; kills < KILLS && !isDone(); kills++) {
    await applyUntilKilled(directory, random.below(DELAY_MS_MAX))
  }
  if (!isDone()) await apply(entriesToApply(), directory)
  const nodes = new MemoryNodes()
  const wanted = await entriesOf(await buildHead(entriesToApply(), nodes), nodes)
  const found = await entriesOf((await headOf(directory, nodes)).root, nodes)
  const withoutOwner = (entries: typeof wanted) =>
    entries.map((entry) => ({ ...entry, uid: 0, gid: 0, linkGroup: undefined }))
  assert.deepEqual(withoutOwner(found), withoutOwner(wanted), `seed ${random.seed}`)
  assert.equal(lstatSync(path.join(directory, '100/100.f')).nlink, 2)
})
