/**
 * Promises 1 and 2 when the daemon dies: what was closed is there, and every file is exactly one of its versions.
 * DFS_CRASH_KILLS says how often it is killed, DFS_CRASH_SEED repeats a run's choices (not its timing).
 */
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newPlace } from '../e2e/support/place.ts'
import { Random, seedFrom } from '../support/random.ts'
import type { System } from '../support/systems/system.ts'
import { target } from '../support/systems/target.ts'
import { checkFiles } from './support/check-files.ts'
import { FileStates } from './support/file-states.ts'
import { RunningWorkload } from './support/running-workload.ts'

const KILLS = Number(process.env.DFS_CRASH_KILLS ?? 6)
const LIFE_MS_MAX = 1500
const UNMOUNT_EVERY = 5
const ROUND_MS = 60_000

test('kill -9 of the daemon loses nothing that was closed and mixes no versions', {
  skip: target.missing(),
  timeout: 60_000 + KILLS * ROUND_MS,
}, async (t) => {
  const seed = seedFrom('DFS_CRASH_SEED')
  t.diagnostic(`seed ${seed}, ${KILLS} kills`)
  const random = new Random(seed)
  const states = new FileStates('kill')
  const system = await target.create(newPlace(t))
  await system.mount()
  for (let kill = 1; kill <= KILLS; kill++) {
    await writeUntilKilled(system, random, states)
    if (random.oneIn(3)) await killWhileMounting(system, random)
    await system.mount()
    checkFiles(system.root, states)
    if (kill % UNMOUNT_EVERY !== 0 && kill !== KILLS) continue
    await system.unmount()
    await system.mount()
    checkFiles(system.root, states)
  }
  await system.unmount()
})

async function writeUntilKilled(system: System, random: Random, states: FileStates): Promise<void> {
  const workload = await RunningWorkload.start(system.root, random.next(), states)
  await workload.goOn(random.below(LIFE_MS_MAX))
  await system.kill(() => workload.end())
}

/** Whether mounting had got as far as replaying the journal or had ended, dying then must do no harm either. */
async function killWhileMounting(system: System, random: Random): Promise<void> {
  const mounting = system.mount().catch(() => undefined)
  await sleep(random.below(600))
  await system.kill()
  await mounting
  await system.kill()
}
