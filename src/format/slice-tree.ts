/**
 * Which slices of a block a proof shows, and which parts of BLAKE3's tree stand for the others (BLAKE3 paper, section
 * 2.1: chunks of 1,024 bytes, and the left part of every node is the largest power of two of chunks that leaves some
 * for the right). What dfs calls a chunk is something else; here they are slices.
 *
 * The last slice is always shown: without it nothing would say how long the block is.
 */
import assert from 'node:assert/strict'

export const SLICE_BYTES = 1024

/** A slice that is shown. */
export interface Slice {
  readonly kind: 'slice'
  readonly index: number
  /** SLICE_BYTES but for the last, which has what is left; 0 in a block of no bytes. */
  readonly bytes: number
}

/** A part of the tree of which no slice is shown: one chaining value stands for it. */
export interface Rest {
  readonly kind: 'rest'
  /** Number of its first slice. */
  readonly first: number
  /** How many it has. */
  readonly slices: number
}

export interface Parent {
  readonly kind: 'parent'
  readonly left: SliceTree
  readonly right: SliceTree
}

export type SliceTree = Slice | Rest | Parent

/** How many slices a block has; one if it has no bytes. */
export function sliceCountOf(blockBytes: number): number {
  return Math.max(1, Math.ceil(blockBytes / SLICE_BYTES))
}

/** How many of so many slices, two or more, are on a node's left side. */
export function leftSlicesOf(slices: number): number {
  return 2 ** (31 - Math.clz32(slices - 1))
}

/** The tree of a block of so many bytes that shows these slices (numbers in any order, all of the block) and the last. */
export function sliceTreeOf(blockBytes: number, shown: readonly number[]): SliceTree {
  const slices = sliceCountOf(blockBytes)
  assert(shown.every((index) => Number.isInteger(index) && index >= 0 && index < slices))
  const sorted = [...new Set(shown).add(slices - 1)].sort((a, b) => a - b)
  return treeOf(blockBytes, 0, slices, sorted)
}

/** What a proof has of this tree, from the left to the right. */
export function leavesOf(tree: SliceTree): (Slice | Rest)[] {
  return tree.kind === 'parent' ? [...leavesOf(tree.left), ...leavesOf(tree.right)] : [tree]
}

/** `shown`: rising numbers of slices of this part. */
function treeOf(blockBytes: number, first: number, slices: number, shown: readonly number[]): SliceTree {
  if (shown.length === 0) return { kind: 'rest', first, slices }
  if (slices === 1) {
    return { kind: 'slice', index: first, bytes: Math.min(SLICE_BYTES, blockBytes - first * SLICE_BYTES) }
  }
  const left = leftSlicesOf(slices)
  const border = first + left
  const onLeft = shown.filter((index) => index < border)
  const onRight = shown.slice(onLeft.length)
  return {
    kind: 'parent',
    left: treeOf(blockBytes, first, left, onLeft),
    right: treeOf(blockBytes, border, slices - left, onRight),
  }
}
