/**
 * Random histories of devices with folders of their own that programs work in, while some of it is on its way and any of
 * them is killed at any step. In the end all folders are equal, and nothing that was written is lost. DFS_MODEL_FOLDERS
 * says how many; DFS_MODEL_SEED repeats one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault } from './checks.ts'
import { MUTANTS } from './mutants.ts'

const RUNS = Number(process.env.DFS_MODEL_FOLDERS ?? 300)
const SEED = process.env.DFS_MODEL_SEED
const STEPS = [6, 12, 25, 40]
const LONG_STEPS = 120
const MUTANT_SEEDS_MAX = 600

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1)

test('folders of several devices become equal, and keep what was written', async () => {
  const seeds = SEED === undefined ? upTo(RUNS) : [Number(SEED)]
  const wrong = await fault({ name: undefined, seeds, steps: STEPS })
  assert.equal(wrong, undefined, wrong)
})

test('the same after long histories', async () => {
  const wrong = await fault({ name: undefined, seeds: upTo(RUNS / 10), steps: [LONG_STEPS] })
  assert.equal(wrong, undefined, wrong)
})

test('the same where some of it was ignored for a time, once nothing is any more', async () => {
  const seeds = SEED === undefined ? upTo(RUNS) : [Number(SEED)]
  const wrong = await fault({ name: undefined, seeds, steps: STEPS, ignoresOneIn: 6 })
  assert.equal(wrong, undefined, wrong)
})

for (const { name } of MUTANTS) {
  test(`it shows if ${name}`, async () => {
    assert(await fault({ name, seeds: upTo(MUTANT_SEEDS_MAX), steps: [40] }), `in one of ${MUTANT_SEEDS_MAX}`)
  })
}
