/**
 * The shape of a manifest tree, which follows from the number of chunks alone. Node (level, position) covers
 * the chunks from position · span(level) up to, not including, (position + 1) · span(level).
 */
import type { BlockRef } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { decodeNode, NODE_ENTRIES_MAX, type NodeView } from '../format/manifest.ts'

/** Opens nodes for whoever walks a tree. */
export interface NodeReader {
  /** The plaintext of a node's block. */
  readNode(ref: BlockRef): Buffer | Promise<Buffer>
}

/** How many chunks a node of this level covers. */
export function span(level: number): number {
  return NODE_ENTRIES_MAX ** (level + 1)
}

/** The level of the root of a tree of so many chunks. */
export function rootLevel(chunks: number): number {
  let level = 0
  while (span(level) < chunks) level++
  return level
}

/** Fails with `corrupt` unless the plaintext is a node of this level. */
export function decodeNodeAt(level: number, plain: Buffer): NodeView {
  const node = decodeNode(plain)
  if (node.level !== level) {
    throw new DfsError('corrupt', `manifest node: has level ${node.level} where ${level} belongs`, {
      op: 'read manifest',
    })
  }
  return node
}
