import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DirtyChunk } from '../../../src/vfs/dirty-chunk.ts'
import { DirtyMemory } from '../../../src/vfs/dirty-memory.ts'
import { PoisonedSlots } from '../../support/poisoned-slots.ts'
import { noise } from './support.ts'

const KIB = 1024
const CHUNK_BYTES = 256 * KIB
const place = fc.tuple(
  fc.oneof(
    fc.nat(CHUNK_BYTES - 1),
    fc.constantFrom(0, 64 * KIB, 128 * KIB).map((at) => Math.max(0, at - 10)),
  ),
  fc.oneof(fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 1, max: CHUNK_BYTES })),
)
const operation = fc.oneof(
  place.map(([at, length]) => ({ kind: 'write' as const, at, length: Math.min(length, CHUNK_BYTES - at) })),
  place.map(([at, length]) => ({ kind: 'zero' as const, at, length: Math.min(length, CHUNK_BYTES - at) })),
  fc.constant({ kind: 'fork' as const, at: 0, length: 0 }),
  fc.constant({ kind: 'commit' as const, at: 0, length: 0 }),
)

function newMemory() {
  const slots = new PoisonedSlots()
  return { slots, memory: new DirtyMemory(slots, 1 << 20) }
}

/** The valid bytes of a chunk, -1 elsewhere. */
function contentOf(chunk: DirtyChunk): Int16Array {
  const found = new Int16Array(CHUNK_BYTES).fill(-1)
  for (const { from, to } of chunk.valid) {
    for (const part of chunk.bytes(from, to)) found.set(part.bytes, part.from)
  }
  return found
}

function text(chunk: DirtyChunk): string {
  return [...chunk.bytes(0, chunk.weight)].map(({ bytes }) => bytes.toString()).join('')
}

test('keeps the bytes written, says which of them count, and stays as it was for who has it frozen', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
      const { slots, memory } = newMemory()
      let chunk = new DirtyChunk(3, CHUNK_BYTES, memory)
      const frozen: { chunk: DirtyChunk; content: Int16Array }[] = []
      const model = new Int16Array(CHUNK_BYTES).fill(-1)
      const uncommitted = new Uint8Array(CHUNK_BYTES)
      for (const [i, { kind, at, length }] of operations.entries()) {
        if (kind === 'write') {
          const bytes = noise(length, i + 1)
          chunk.write(at, bytes)
          model.set(bytes, at)
          uncommitted.fill(1, at, at + length)
        } else if (kind === 'zero') {
          chunk.zero(at, at + length)
          model.fill(0, at, at + length)
          uncommitted.fill(1, at, at + length)
        } else if (kind === 'fork') {
          chunk.freeze()
          frozen.push({ chunk, content: model.slice() })
          const fork = chunk.fork()
          chunk.drop()
          chunk = fork
        } else {
          chunk.uncommitted.clear()
          uncommitted.fill(0)
        }
      }
      assert.deepEqual(contentOf(chunk), model)
      const marked = new Uint8Array(CHUNK_BYTES)
      for (const { from, to } of chunk.uncommitted) marked.fill(1, from, to)
      assert.deepEqual(marked, uncommitted)
      assert.equal(chunk.weight, model.filter((byte) => byte >= 0).length)
      for (const before of frozen) {
        assert.deepEqual(contentOf(before.chunk), before.content)
        before.chunk.thaw()
      }
      chunk.drop()
      assert.deepEqual([memory.bytes, slots.takenCount], [0, 0])
    }),
    { numRuns: 100 },
  )
})

test('copies what is valid of a range, and leaves the rest as it is', () => {
  const chunk = new DirtyChunk(0, CHUNK_BYTES, newMemory().memory)
  chunk.write(64 * KIB - 2, Buffer.from('abcd'))
  chunk.write(64 * KIB + 4, Buffer.from('xyz'))
  const into = Buffer.alloc(8, '.')
  chunk.copyTo(into, 64 * KIB - 1)
  assert.equal(into.toString(), 'bcd..xyz')
})

test('a few bytes take a page, wherever they are', () => {
  const { slots, memory } = newMemory()
  const chunk = new DirtyChunk(0, 1024 * KIB, memory)
  chunk.write(1000 * KIB, Buffer.from('far'))
  chunk.write(4, Buffer.from('near'))
  assert.deepEqual([memory.bytes, slots.takenCount], [8 * KIB, 2])
  chunk.write(0, noise(1024 * KIB))
  assert.deepEqual([memory.bytes, slots.takenCount], [1024 * KIB, 16])
  chunk.drop()
  assert.deepEqual([memory.bytes, slots.takenCount], [0, 0])
})

test('a fork takes memory for the frames that it changes', () => {
  const { slots, memory } = newMemory()
  const chunk = new DirtyChunk(0, CHUNK_BYTES, memory)
  chunk.write(0, noise(CHUNK_BYTES))
  const fork = chunk.fork()
  assert.equal(slots.takenCount, 4)
  fork.write(70 * KIB, Buffer.from('changed'))
  assert.deepEqual([memory.bytes, slots.takenCount], [CHUNK_BYTES + 64 * KIB, 5])
  chunk.drop()
  assert.equal(slots.takenCount, 4)
  fork.drop()
  assert.equal(slots.takenCount, 0)
})

test('memory goes back when the last who has it frozen is done', () => {
  const { slots, memory } = newMemory()
  const chunk = new DirtyChunk(0, CHUNK_BYTES, memory)
  chunk.write(0, noise(64 * KIB))
  chunk.freeze()
  chunk.freeze()
  chunk.drop()
  chunk.thaw()
  assert.ok(Buffer.concat(Array.from(chunk.bytes(0, 64 * KIB), ({ bytes }) => bytes)).equals(noise(64 * KIB)))
  chunk.thaw()
  assert.equal(slots.takenCount, 0)
  assert.throws(() => [...chunk.bytes(0, 10)], /in memory/)
  assert.throws(() => chunk.drop(), /once/)
  assert.throws(() => chunk.thaw(), /as often as frozen/)
})

test('a fork has bytes of its own', () => {
  const chunk = new DirtyChunk(0, CHUNK_BYTES, newMemory().memory)
  chunk.write(0, Buffer.from('before'))
  const fork = chunk.fork()
  fork.write(0, Buffer.from('BEHIND'))
  assert.deepEqual([text(chunk), text(fork)], ['before', 'BEHIND'])
})

test('a chunk that is frozen or dropped is not written to', () => {
  const chunk = new DirtyChunk(0, CHUNK_BYTES, newMemory().memory)
  chunk.write(0, Buffer.from('before'))
  chunk.freeze()
  assert.throws(() => chunk.write(0, Buffer.from('after')), /relies on/)
  chunk.thaw()
  chunk.drop()
  assert.throws(() => chunk.zero(0, 5), /relies on/)
  assert.throws(() => chunk.freeze(), /not used again/)
})
