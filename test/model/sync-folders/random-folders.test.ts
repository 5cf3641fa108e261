/**
 * Random histories of devices with folders of their own that programs work in, while some of it is on its way and any of
 * them is killed at any step. In the end all folders are equal, and nothing that was written is lost. DFS_MODEL_FOLDERS
 * says how many; DFS_MODEL_SEED repeats one.
 */
import { test } from 'node:test'
import { World } from './folders.ts'

const RUNS = Number(process.env.DFS_MODEL_FOLDERS ?? 300)
const SEED = process.env.DFS_MODEL_SEED
const STEPS = 40

async function run(seed: number): Promise<void> {
  const world = new World(seed)
  try {
    await world.start()
    for (let step = 0; step < STEPS; step++) await world.step()
    await world.settle()
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}\n${world.log.join('\n')}`, { cause: error })
  }
}

test('folders of several devices become equal, and keep what was written', async () => {
  const seeds = SEED === undefined ? Array.from({ length: RUNS }, (_, seed) => seed + 1) : [Number(SEED)]
  for (const seed of seeds) await run(seed)
})
