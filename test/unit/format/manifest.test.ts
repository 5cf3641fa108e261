import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BlockRef } from '../../../src/dfs.ts'
import { BLOCK_REF_BYTES, readBlockRef, writeBlockRef } from '../../../src/format/block-ref.ts'
import {
  decodeNode,
  encodeNode,
  LEVEL_MAX,
  NODE_BYTES_MAX,
  NODE_ENTRIES_MAX,
  nodeBytes,
  updateNode,
} from '../../../src/format/manifest.ts'
import { anyObject, anyRef, anyRefOrHole, assertRefusesDamage } from './arbitraries.ts'
import { testVectors } from './vectors.ts'

type Entries = readonly (BlockRef | undefined)[]

function encodeRef(ref: BlockRef | undefined): Buffer {
  const bytes = Buffer.alloc(BLOCK_REF_BYTES, 0xff)
  writeBlockRef(bytes, 0, ref)
  return bytes
}

function readNode(bytes: Buffer): { level: number; entries: Entries } {
  const { level, count, entry } = decodeNode(bytes)
  return { level, entries: Array.from({ length: count }, (_, index) => entry(index)) }
}

function withoutHolesAtEnd(entries: Entries): Entries {
  return entries.slice(0, entries.findLastIndex((entry) => entry !== undefined) + 1)
}

const anyNode = anyObject({ level: fc.nat(LEVEL_MAX), entries: fc.array(anyRefOrHole, { maxLength: 40 }) })

testVectors('manifest', {
  ref: { decode: (bytes) => readBlockRef(bytes, 0), encode: encodeRef },
  node: { decode: readNode, encode: encodeNode },
})

test('manifest: any block reference or hole comes back', () => {
  fc.assert(fc.property(anyRefOrHole, (ref) => assert.deepEqual(readBlockRef(encodeRef(ref), 0), ref)))
})

test('manifest: any node comes back without the holes at its end', () => {
  fc.assert(
    fc.property(anyNode, ({ level, entries }) => {
      const bytes = encodeNode({ level, entries })
      assert.deepEqual(readNode(bytes), { level, entries: withoutHolesAtEnd(entries) })
      assert.deepEqual(encodeNode({ level, entries: [...entries, undefined] }), bytes)
    }),
  )
})

test('manifest: a full node comes back, and entries past the last one written are holes', () => {
  const [ref] = fc.sample(anyRef, 1)
  const bytes = encodeNode({ level: 1, entries: Array<BlockRef>(NODE_ENTRIES_MAX).fill(ref!) })
  assert.equal(bytes.length, NODE_BYTES_MAX)
  assert.deepEqual(decodeNode(bytes).entry(NODE_ENTRIES_MAX - 1), ref)
  assert.equal(decodeNode(encodeNode({ level: 0, entries: [ref] })).entry(1), undefined)
})

test('manifest: a reference does not change when the node it was read from is overwritten', () => {
  const [ref] = fc.sample(anyRef, 1)
  const bytes = encodeNode({ level: 0, entries: [ref] })
  const read = decodeNode(bytes).entry(0)
  bytes.fill(0)
  assert.deepEqual(read, ref)
})

test('manifest: updating a node gives the bytes that encoding the changed entries gives', () => {
  const anyChanges = fc.dictionary(fc.nat(50).map(String), anyRefOrHole, { maxKeys: 10 })
  fc.assert(
    fc.property(anyNode, anyChanges, fc.option(fc.nat(50), { nil: undefined }), ({ level, entries }, changed, keep) => {
      const changes = new Map(Object.entries(changed).map(([index, ref]) => [Number(index), ref]))
      const before = encodeNode({ level, entries })
      const expected: (BlockRef | undefined)[] = entries.slice(0, keep)
      for (const [index, ref] of changes) expected[index] = ref
      const updated = updateNode(before, { changes, keep })
      assert.deepEqual(updated, encodeNode({ level, entries: Array.from(expected) }))
      assert.deepEqual(before, encodeNode({ level, entries }), 'the node itself is left as it is')
    }),
  )
})

test('manifest: more entries than a node has are a fault of the caller', () => {
  const [ref] = fc.sample(anyRef, 1)
  const tooMany = Array<BlockRef>(NODE_ENTRIES_MAX + 1).fill(ref!)
  assert.throws(() => encodeNode({ level: 0, entries: tooMany }), assert.AssertionError)
  assert.equal(nodeBytes(NODE_ENTRIES_MAX), NODE_BYTES_MAX)
})

test('manifest: damaged references and nodes are refused or read, never worse', () => {
  assertRefusesDamage(anyRefOrHole.map(encodeRef), (bytes) => readBlockRef(bytes, 0))
  assertRefusesDamage(anyNode.map(encodeNode), readNode)
})
