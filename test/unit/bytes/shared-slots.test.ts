import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SharedSlots } from '../../../src/bytes/shared-slots.ts'

test('slots are used again, and lie apart', () => {
  const slots = new SharedSlots({ bytes: [4096], count: 2 })
  const [first, second] = [slots.take(4096), slots.take(100)]
  assert.deepEqual([first.length, second.length], [4096, 100])
  assert.equal(Math.abs(first.byteOffset - second.byteOffset), 4096)
  slots.give(first.subarray(0, 10))
  const again = slots.take(4096)
  assert.equal(again.byteOffset, first.byteOffset)
})

test('the smallest slot that is long enough is taken, else a larger one', () => {
  const slots = new SharedSlots({ bytes: [4096, 8192, 20_000], count: 2 })
  const taken = [5000, 1000, 1000, 1000, 1000, 1000].map((bytes) => slots.take(bytes))
  assert.deepEqual(
    taken.map((bytes) => slots.weightOf(bytes)),
    [8192, 4096, 4096, 4096, 4096, 8192],
  )
  assert.notEqual(slots.take(100).buffer, slots.memory)
})

test('a large slot whose parts are all back can be cut for another size', () => {
  const slots = new SharedSlots({ bytes: [4096, 8192, 16_384], count: 1 })
  const small = Array.from({ length: 4 }, () => slots.take(4096))
  assert.notEqual(slots.take(8192).buffer, slots.memory)
  for (const bytes of small) slots.give(bytes)
  const whole = slots.take(16_384)
  assert.deepEqual([whole.buffer, slots.weightOf(whole)], [slots.memory, 16_384])
  slots.give(whole)
  assert.equal(slots.weightOf(slots.take(8000)), 8192)
})

test('no two that are taken overlap, and all memory is there again once all are back', () => {
  const bytes = [1000, 4000, 16_100]
  const count = 3
  const steps = fc.array(fc.record({ take: fc.integer({ min: 1, max: 16_100 }), give: fc.option(fc.nat()) }))
  fc.assert(
    fc.property(steps, (all) => {
      const slots = new SharedSlots({ bytes, count })
      const taken: Buffer[] = []
      for (const { take, give } of all) {
        if (give !== null && taken.length > 0) slots.give(taken.splice(give % taken.length, 1)[0]!)
        const fresh = slots.take(take)
        if (fresh.buffer === slots.memory) taken.push(fresh)
        const ranges = taken.map((one) => [one.byteOffset, one.byteOffset + slots.weightOf(one)] as const)
        for (const [i, [from, to]] of ranges.toSorted(([a], [b]) => a - b).entries()) {
          assert.ok(to <= slots.memory.byteLength)
          if (i > 0) assert.ok(from >= ranges.toSorted(([a], [b]) => a - b)[i - 1]![1])
        }
      }
      for (const one of taken) slots.give(one)
      for (let i = 0; i < count; i++) assert.equal(slots.take(16_100).buffer, slots.memory)
    }),
  )
})

test('when all are taken there is other shared memory, which is not mistaken for a slot', () => {
  const slots = new SharedSlots({ bytes: [4096], count: 1 })
  slots.take(4096)
  const other = slots.take(4096)
  assert.deepEqual([other.length, slots.weightOf(other)], [4096, 4096])
  assert.ok(other.buffer instanceof SharedArrayBuffer)
  slots.give(other)
  slots.give(Buffer.alloc(10))
  assert.notEqual(slots.take(4096).buffer, slots.memory)
  assert.notEqual(slots.take(5000).buffer, slots.memory)
})
