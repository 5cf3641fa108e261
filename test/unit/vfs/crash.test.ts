/** Kills and power losses at random moments of a workload; `DFS_SEED` repeats one, `DFS_CRASHES` says how many. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { CrashWorkload, randomOf, readAll } from './crash-workload.ts'
import { CrashingFolder, type FolderPlace, losePower, openFolder } from './crashing-folder.ts'
import { temporaryDirectory } from './support.ts'

const SEEDS = Number(process.env.DFS_CRASHES ?? 20)
const ONLY = process.env.DFS_SEED
const NEVER_MS = 1e12

function newPlace(): FolderPlace {
  const directory = temporaryDirectory()
  const place = {
    folder: path.join(directory, 'folder'),
    journal: path.join(directory, 'journal'),
    blocks: path.join(directory, 'blocks'),
  }
  mkdirSync(place.folder)
  return place
}

async function crash(seed: number, kind: 'kill' | 'power loss'): Promise<void> {
  const random = randomOf(seed)
  const place = newPlace()
  const deletedAgeMsMin = random() < 0.5 ? 0 : NEVER_MS
  const folder = await CrashingFolder.open(place, { deletedAgeMsMin })
  folder.moments.left = 1 + Math.floor(random() * 150)
  const workload = new CrashWorkload(folder, random)
  await workload.run(60)
  await folder.kill()
  if (kind === 'power loss') losePower(folder.durable, random)
  const since = kind === 'kill' ? 'flushed' : 'synced'
  // A second crash, before or in the middle of what the first opening after brings into stubs.
  const again = await CrashingFolder.open(place)
  again.moments.left = 1 + Math.floor(random() * 20)
  workload.check(await readAll(again.filesystem), since)
  await again.checkpointer.run().catch(() => {})
  await again.kill()
  const opened = await openFolder(place)
  workload.check(await readAll(opened.folder.filesystem), since)
  await opened.close()
  const last = await openFolder(place)
  workload.check(await readAll(last.folder.filesystem), since)
  await last.close()
}

for (const kind of ['kill', 'power loss'] as const) {
  test(`after a ${kind} every file is as it was at some commit, and nothing promised is lost`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      if (ONLY !== undefined && ONLY !== String(seed)) continue
      try {
        await crash(seed, kind)
      } catch (error) {
        throw new Error(`DFS_SEED=${seed}: ${(error as Error).message}`, { cause: error })
      }
    }
  })
}
