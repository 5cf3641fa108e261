/**
 * Random histories of devices that keep one folder: in the end all show the same, nothing that was written is lost, and
 * nothing that was deleted is there again. DFS_MODEL_SYNC says how many thousands of them; fast-check prints what repeats
 * a failure (DFS_MODEL_SEED, DFS_MODEL_PATH), made as short as it can.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeSyncEntry, encodeSyncEntry } from '../../../src/format/sync-entry.ts'
import { type Device, faceOf, type ShownPath } from './device.ts'
import { anyPlan, type Plan } from './steps.ts'
import { World } from './world.ts'

const THOUSANDS = Number(process.env.DFS_MODEL_SYNC ?? 2)
const REPEAT = {
  ...(process.env.DFS_MODEL_SEED && { seed: Number(process.env.DFS_MODEL_SEED) }),
  ...(process.env.DFS_MODEL_PATH && { path: process.env.DFS_MODEL_PATH }),
}

test('whatever happened, devices that can talk come to show the same, with all that was written and nothing that was deleted', async () => {
  await fc.assert(fc.asyncProperty(anyPlan, holds), { numRuns: THOUSANDS * 1000, ...REPEAT })
})

async function holds(plan: Plan): Promise<void> {
  const world = new World(plan)
  await world.start()
  for (const step of plan.steps) await world.run(step)
  await world.connectAll()
  assert(await world.settle(), 'the devices come to rest')
  const [first, ...others] = await Promise.all(world.devices.map((device) => device.paths()))
  const view = viewOf(first!)
  for (const other of others) assert.deepEqual(viewOf(other), view)
  assert.equal(world.history.fault(first!.map(({ shown }) => shown)), undefined)
  for (const device of world.devices) await requireAllShown(device, first!)
}

/** What a person sees, whoever looks. */
function viewOf(paths: readonly ShownPath[]): unknown {
  return paths.map(({ path, shown }) => ({
    path,
    ...faceOf(shown),
    entries: shown.objects.map(({ entry }) => encodeSyncEntry(entry).toString('hex')),
  }))
}

/** Every object that is not deleted has a name. */
async function requireAllShown({ store }: Device, paths: readonly ShownPath[]): Promise<void> {
  const there = new Set(paths.flatMap(({ shown }) => shown.objects.map(({ entry }) => entry.id)))
  const { entries } = await store.readChanges(0, { entries: 10_000, bytes: 10_000_000 })
  for (const entry of entries.map(decodeSyncEntry)) {
    assert(entry.content.value === undefined || there.has(entry.id), `${entry.id} is nowhere`)
  }
}
