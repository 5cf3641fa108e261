import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedSlots } from '../../../src/bytes/shared-slots.ts'

test('slots are used again, and lie apart', () => {
  const slots = new SharedSlots([{ bytes: 4096, count: 2 }])
  const [first, second] = [slots.take(4096), slots.take(100)]
  assert.deepEqual([first.length, second.length], [4096, 100])
  assert.equal(Math.abs(first.byteOffset - second.byteOffset), 4096)
  slots.give(first.subarray(0, 10))
  const again = slots.take(4096)
  assert.equal(again.byteOffset, first.byteOffset)
})

test('the smallest slot that is long enough is taken, else a larger one', () => {
  const slots = new SharedSlots([
    { bytes: 8192, count: 2 },
    { bytes: 4096, count: 1 },
  ])
  const taken = [slots.take(1000), slots.take(1000), slots.take(5000)]
  assert.deepEqual(
    taken.map((bytes) => slots.weightOf(bytes)),
    [4096, 8192, 8192],
  )
  for (const bytes of taken) slots.give(bytes)
  assert.equal(slots.take(4096).byteOffset, taken[0]!.byteOffset)
})

test('when all are taken there is other shared memory, which is not mistaken for a slot', () => {
  const slots = new SharedSlots([{ bytes: 4096, count: 1 }])
  slots.take(4096)
  const other = slots.take(4096)
  assert.deepEqual([other.length, slots.weightOf(other)], [4096, 4096])
  assert.ok(other.buffer instanceof SharedArrayBuffer)
  slots.give(other)
  slots.give(Buffer.alloc(10))
  assert.notEqual(slots.take(4096).buffer, slots.memory)
  assert.notEqual(slots.take(5000).buffer, slots.memory)
})
