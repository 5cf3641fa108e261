/**
 * In what one tree differs from another. Reads the nodes that only one of them has, and those above: of two trees that
 * differ little, few.
 */
import { decodeEntry, type HeadEntry } from '../format/head-entry.ts'
import { isLeaf } from '../format/head-node.ts'
import type { NodeReader } from '../seal/manifest-tree.ts'
import { levelsOnlyIn } from './head-blocks.ts'
import { type HeadRoot, readHeadNode } from './head-nodes.ts'
import { findEntry } from './head-read.ts'

export interface EntryChange {
  readonly entry: HeadEntry
  /** What stood at its path; undefined if nothing did. */
  readonly before: HeadEntry | undefined
}

/** Entries of a tree in leaves that another tree has not, in the order of their paths: all that differ, and some that do not. */
export async function* entriesOnlyIn(root: HeadRoot, other: HeadRoot, nodes: NodeReader): AsyncGenerator<EntryChange> {
  for await (const { level, places } of levelsOnlyIn(root, other, nodes)) {
    if (level > 0) continue
    for (const place of places) {
      const node = await readHeadNode(place, nodes)
      if (!isLeaf(node)) continue
      for (const { path, record } of node.items) {
        yield { entry: decodeEntry(path, record), before: await findEntry(other, path, nodes) }
      }
    }
  }
}
