import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { sortInSlices } from '../../../src/concurrency/sort-in-slices.ts'

const byKey = (one: { key: number }, other: { key: number }) => one.key - other.key

test('sorts as the array would, and leaves that alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 3000, size: 'max' }), async (keys) => {
      const items = keys.map((key, index) => ({ key, index }))
      const before = [...items]
      assert.deepEqual(await sortInSlices(items, byKey), items.toSorted(byKey))
      assert.deepEqual(items, before)
    }),
    { numRuns: 30 },
  )
})

test('others get their turn meanwhile', async () => {
  const items = Array.from({ length: 100_000 }, (_, index) => ({ key: (index * 7919) % 100_003 }))
  let turns = 0
  const count = setInterval(() => turns++, 0)
  await sortInSlices(items, byKey)
  clearInterval(count)
  assert(turns > 0)
})
