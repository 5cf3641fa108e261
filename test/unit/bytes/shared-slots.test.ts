import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedSlots } from '../../../src/bytes/shared-slots.ts'

test('slots are used again, and lie apart', () => {
  const slots = new SharedSlots({ slots: 2, slotBytes: 4096 })
  const [first, second] = [slots.take(), slots.take()]
  assert.deepEqual([first.length, second.length], [4096, 4096])
  assert.equal(Math.abs(first.byteOffset - second.byteOffset), 4096)
  slots.give(first.subarray(0, 10))
  const again = slots.take()
  assert.deepEqual([again.byteOffset, again.length], [first.byteOffset, 4096])
})

test('when all are taken there is other shared memory, which is not mistaken for a slot', () => {
  const slots = new SharedSlots({ slots: 1, slotBytes: 4096 })
  slots.take()
  const other = slots.take()
  assert.equal(other.length, 4096)
  assert.ok(other.buffer instanceof SharedArrayBuffer)
  slots.give(other)
  slots.give(Buffer.alloc(10))
  assert.notEqual(slots.take().buffer, slots.memory)
})
