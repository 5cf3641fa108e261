import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import {
  leavesOf,
  leftSlicesOf,
  SLICE_BYTES,
  type SliceTree,
  sliceCountOf,
  sliceTreeOf,
} from '../../../src/format/slice-tree.ts'

/** A block's length and slices of it that are shown. */
const anyShown = fc
  .oneof(fc.nat(5 * SLICE_BYTES), fc.nat(BLOCK_BYTES_MAX))
  .chain((blockBytes) =>
    fc.record({ blockBytes: fc.constant(blockBytes), shown: fc.array(fc.nat(sliceCountOf(blockBytes) - 1)) }),
  )

function slicesBelow(tree: SliceTree): number {
  if (tree.kind === 'parent') return slicesBelow(tree.left) + slicesBelow(tree.right)
  return tree.kind === 'slice' ? 1 : tree.slices
}

test('a block has a slice for each 1,024 bytes begun, and at least one', () => {
  const counts = [0, 1, 1023, 1024, 1025, 2048, 2049, BLOCK_BYTES_MAX].map(sliceCountOf)
  assert.deepEqual(counts, [1, 1, 1, 1, 2, 2, 3, 1025])
})

test('on the left of a node is the largest power of two that leaves some for the right', () => {
  assert.deepEqual([2, 3, 4, 5, 8, 9, 1024, 1025].map(leftSlicesOf), [1, 2, 2, 4, 4, 8, 512, 1024])
})

test('the leaves of a tree cover the block from the left to the right, each slice once', () => {
  fc.assert(
    fc.property(anyShown, ({ blockBytes, shown }) => {
      let next = 0
      for (const leaf of leavesOf(sliceTreeOf(blockBytes, shown))) {
        assert.equal(leaf.kind === 'slice' ? leaf.index : leaf.first, next)
        next += slicesBelow(leaf)
      }
      assert.equal(next, sliceCountOf(blockBytes))
    }),
  )
})

test('exactly what was asked for is shown, and the last slice', () => {
  fc.assert(
    fc.property(anyShown, ({ blockBytes, shown }) => {
      const slices = leavesOf(sliceTreeOf(blockBytes, shown)).filter((leaf) => leaf.kind === 'slice')
      const last = sliceCountOf(blockBytes) - 1
      assert.deepEqual(
        slices.map(({ index }) => index),
        [...new Set([...shown, last])].sort((a, b) => a - b),
      )
      for (const { index, bytes } of slices) {
        assert.equal(bytes, index === last ? blockBytes - last * SLICE_BYTES : SLICE_BYTES)
      }
    }),
  )
})

test('rests are as large as they can be: none stands beside another under one node', () => {
  const check = (tree: SliceTree): void => {
    if (tree.kind !== 'parent') return
    assert(tree.left.kind !== 'rest' || tree.right.kind !== 'rest')
    assert.equal(slicesBelow(tree.left), leftSlicesOf(slicesBelow(tree)))
    check(tree.left)
    check(tree.right)
  }
  fc.assert(fc.property(anyShown, ({ blockBytes, shown }) => check(sliceTreeOf(blockBytes, shown))))
})

test('slices that the block has not are refused', () => {
  for (const shown of [[2], [-1], [0.5], [Number.NaN]]) assert.throws(() => sliceTreeOf(2048, shown))
})
