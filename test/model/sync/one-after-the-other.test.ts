/** Devices that hear of each change before anybody makes the next are like one: no conflict, no name that nobody gave. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shownAttributes } from '../../../src/sync/shown-tree.ts'
import { type ShownPath, textOf } from './device.ts'
import { PlainFolder } from './plain-folder.ts'
import { anyLocalSteps, type LocalStep } from './steps.ts'
import { World } from './world.ts'

const HISTORIES = Number(process.env.DFS_MODEL_SYNC ?? 1) * 200

test('changes one after the other, on whichever device, make the folder that they make on one', async () => {
  await fc.assert(fc.asyncProperty(anyLocalSteps, areAsOnOne), { numRuns: HISTORIES })
})

async function areAsOnOne(steps: readonly LocalStep[]): Promise<void> {
  const world = new World({ devices: 3, clocks: [0, -5000, 10 ** 9] })
  const folder = new PlainFolder()
  await world.start()
  assert(await world.settle())
  for (const step of steps) {
    await world.change(step)
    for (const done of world.done.splice(0)) folder.carryOut(done)
    assert(await world.settle())
  }
  for (const device of world.devices) assert.deepEqual(viewOf(await device.paths()), folder.view())
}

function viewOf(paths: readonly ShownPath[]): Map<string, object> {
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
