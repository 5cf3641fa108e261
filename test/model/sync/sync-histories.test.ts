/**
 * Random histories of devices that keep one folder: in the end all show the same, nothing that was written is lost, and
 * nothing that was deleted is there again (`properties.ts`). DFS_MODEL_SYNC says how many thousands of them; DFS_MODEL_SEED
 * and DFS_MODEL_PATH repeat a failure, made as short as can be.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault } from './checks.ts'
import { MUTANTS } from './mutants.ts'

const RUNS = Number(process.env.DFS_MODEL_SYNC ?? 2) * 1000
const MUTANT_RUNS_MAX = 3000

test('whatever happens, devices that can talk show the same, with all that was written and nothing that was deleted', async () => {
  assert.equal(await fault({ name: 'histories', runs: RUNS }), undefined)
})

test('changes one after the other, on whichever device, make the folder that they make on one', async () => {
  assert.equal(await fault({ name: 'one after the other', runs: RUNS / 10 }), undefined)
})

for (const { name } of MUTANTS) {
  test(`it shows if ${name}`, async () => {
    assert(await fault({ name, runs: MUTANT_RUNS_MAX }), `in one of ${MUTANT_RUNS_MAX} histories`)
  })
}
