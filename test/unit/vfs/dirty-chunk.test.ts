import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DirtyChunk } from '../../../src/vfs/dirty-chunk.ts'
import { noise } from './support.ts'

const CHUNK_BYTES = 64 * 1024
const place = fc.tuple(fc.nat(CHUNK_BYTES - 1), fc.integer({ min: 1, max: 9000 }))
const operation = fc.oneof(
  place.map(([at, length]) => ({ kind: 'write' as const, at, length: Math.min(length, CHUNK_BYTES - at) })),
  place.map(([at, length]) => ({ kind: 'zero' as const, at, length: Math.min(length, CHUNK_BYTES - at) })),
  fc.nat(CHUNK_BYTES).map((at) => ({ kind: 'cut' as const, at, length: 0 })),
  fc.constant({ kind: 'fork' as const, at: 0, length: 0 }),
  fc.constant({ kind: 'commit' as const, at: 0, length: 0 }),
)

test('keeps the bytes written, and says which of them count', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
      let chunk = new DirtyChunk(3, CHUNK_BYTES)
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
        } else if (kind === 'cut') {
          chunk.cut(at)
          model.fill(-1, at)
          uncommitted.fill(0, at)
        } else if (kind === 'fork') chunk = chunk.fork()
        else {
          chunk.uncommitted.clear()
          uncommitted.fill(0)
        }
      }
      const found = new Int16Array(CHUNK_BYTES).fill(-1)
      for (const { from, to } of chunk.valid) found.set(chunk.slice(from, to), from)
      assert.deepEqual(found, model)
      const marked = new Uint8Array(CHUNK_BYTES)
      for (const { from, to } of chunk.uncommitted) marked.fill(1, from, to)
      assert.deepEqual(marked, uncommitted)
      assert.equal(chunk.weight, model.filter((byte) => byte >= 0).length)
    }),
    { numRuns: 100 },
  )
})

test('a fork has bytes of its own', () => {
  const chunk = new DirtyChunk(0, CHUNK_BYTES)
  chunk.write(0, Buffer.from('before'))
  const fork = chunk.fork()
  fork.write(0, Buffer.from('BEHIND'))
  assert.equal(chunk.slice(0, 6).toString(), 'before')
  assert.equal(fork.slice(0, 6).toString(), 'BEHIND')
})
