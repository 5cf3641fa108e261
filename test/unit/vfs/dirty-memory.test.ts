import assert from 'node:assert/strict'
import test from 'node:test'
import { DirtyMemory } from '../../../src/vfs/dirty-memory.ts'
import { PoisonedSlots } from '../../support/poisoned-slots.ts'

const FRAME = 64 * 1024

function newMemory(count = 2) {
  const slots = new PoisonedSlots({ bytes: [4096, FRAME], count })
  return { slots, memory: new DirtyMemory(slots, 10 * FRAME) }
}

test('a piece goes back once, when its last holder lets go', () => {
  const { slots, memory } = newMemory()
  const piece = memory.take(FRAME)
  assert.equal(piece.isShared, false)
  piece.hold()
  assert.equal(piece.isShared, true)
  piece.release()
  assert.deepEqual([piece.bytes.length, memory.bytes, slots.takenCount], [FRAME, FRAME, 1])
  piece.release()
  assert.deepEqual([memory.bytes, slots.takenCount], [0, 0])
  assert.throws(() => piece.bytes, /given back/)
  assert.throws(() => piece.hold(), /given back/)
  assert.throws(() => piece.release(), /once/)
})

test('what is counted is what a piece keeps from others', () => {
  const { memory } = newMemory()
  const pieces = [100, 4096, 5000].map((bytes) => memory.take(bytes))
  assert.deepEqual(
    pieces.map(({ bytes }) => bytes.length),
    [100, 4096, 5000],
  )
  assert.equal(memory.bytes, 2 * 4096 + FRAME)
  for (const piece of pieces) piece.release()
  assert.equal(memory.bytes, 0)
})

test('when all slots are taken there is other memory, and slots are used again as soon as there are', () => {
  const { slots, memory } = newMemory(1)
  const [slot, other] = [memory.take(FRAME), memory.take(FRAME)]
  assert.notEqual(other.bytes.buffer, slots.memory)
  assert.equal(memory.bytes, 2 * FRAME)
  other.release()
  slot.release()
  assert.equal(memory.take(FRAME).bytes.buffer, slots.memory)
  assert.equal(memory.bytes, FRAME)
})

test('scratch memory goes back as its use ends, however that is, and is lent to a few at a time', async () => {
  const { slots, memory } = newMemory(64)
  const { promise: open, resolve } = Promise.withResolvers<void>()
  let begun = 0
  const uses = Array.from({ length: 40 }, (_, i) =>
    memory.withScratch(FRAME, async (scratch) => {
      begun++
      scratch.fill(i)
      await open
      assert.equal(scratch[FRAME - 1], i)
      if (i % 2 === 0) throw new Error('it failed')
    }),
  )
  await new Promise(setImmediate)
  assert.deepEqual([begun, slots.takenCount], [8, 8])
  resolve()
  const results = await Promise.allSettled(uses)
  assert.equal(results.filter(({ status }) => status === 'rejected').length, 20)
  assert.deepEqual([begun, slots.takenCount, memory.bytes], [40, 0, 0])
})
