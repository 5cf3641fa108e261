/**
 * What holds of every history once all devices can talk again:
 * 1. they come to rest;
 * 2. they show the same: paths, kinds, content, attributes, and which names are of one object;
 * 3. what was written is there, unless somebody who was shown it replaced or deleted it; what somebody replaced or deleted
 *    so is not; a directory that nobody removed is there (`history.ts`);
 * 4. every object that is not deleted has a name.
 */
import assert from 'node:assert/strict'
import { decodeSyncEntry, encodeSyncEntry } from '../../../src/format/sync-entry.ts'
import { shownAttributes } from '../../../src/sync/shown-tree.ts'
import { type Device, faceOf, type Rules, type ShownPath, textOf } from './device.ts'
import { PlainFolder } from './plain-folder.ts'
import type { LocalStep, Plan } from './steps.ts'
import { World } from './world.ts'

export async function requireHolds(plan: Plan, rules?: Rules): Promise<void> {
  const world = new World(plan, rules)
  await world.start(plan.before)
  for (const step of plan.steps) await world.run(step)
  await world.connectAll()
  assert(await world.settle(), 'the devices come to rest')
  const [first, ...others] = await Promise.all(world.devices.map((device) => device.paths()))
  const view = viewOf(first!)
  for (const other of others) assert.deepEqual(viewOf(other), view)
  assert.equal(world.history.fault(first!.map(({ shown }) => shown)), undefined)
  for (const device of world.devices) await requireAllShown(device, first!)
}

/** Devices that hear of each change before anybody makes the next are like one: no conflict, no name that nobody gave. */
export async function requireAsOnOne(steps: readonly LocalStep[]): Promise<void> {
  const world = new World({ devices: 3, clocks: [0, -5000, 10 ** 9] })
  const folder = new PlainFolder()
  await world.start([])
  for (const step of steps) {
    await world.change(step)
    for (const done of world.done.splice(0)) folder.carryOut(done)
    assert(await world.settle())
  }
  for (const device of world.devices) assert.deepEqual(plainViewOf(await device.paths()), folder.view())
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

/** As `PlainFolder.view`. */
function plainViewOf(paths: readonly ShownPath[]): Map<string, object> {
  const numbers = new Map<string, number>()
  const sorted = paths.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return new Map(
    sorted.map(({ path, shown }) => {
      const { id, kind, content } = shown.objects[0].entry
      if (!numbers.has(id)) numbers.set(id, numbers.size)
      const text = kind === 'directory' ? '' : textOf(content.value!)
      return [path, { kind, content: text, attributes: shownAttributes(shown), object: numbers.get(id) }]
    }),
  )
}
