/**
 * Reading the nodes of a head's tree. Every node is authenticated by its reference; that it also fits its place is checked
 * here, so that whatever an owner's device wrote, a walk ends: levels go down, paths go up, and counts add up.
 */
import type { BlockRef, ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { decodeHeadNode, type HeadNode, isLeaf } from '../format/head-node.ts'
import { comparePaths } from '../format/head-path.ts'
import type { NodeReader } from '../seal/manifest-tree.ts'

const decodedNodes = new WeakMap<Buffer, HeadNode>()

/** A tree: one version of a folder's entries. */
export interface HeadRoot {
  readonly ref: BlockRef
  /** How many entries the tree has. */
  readonly entries: number
}

/** Where a node stands in its tree. */
export interface NodePlace {
  readonly ref: BlockRef
  /** How many entries are below it. */
  readonly entries: number
  /** Undefined for a root. */
  readonly level?: number
  /** The first path in it; undefined for a root. */
  readonly first?: ByteString
  /** All its paths come before this one; undefined where nothing follows it. */
  readonly end?: ByteString | undefined
}

/** The node at a place. Fails with `corrupt`, `newer-version`, and as `readNode` does. */
export async function readHeadNode(place: NodePlace, nodes: NodeReader): Promise<HeadNode> {
  const read = nodes.readNode(place.ref)
  const node = decoded(read instanceof Promise ? await read : read)
  const { level, first, end, entries } = place
  const fits =
    (level === undefined || node.level === level) &&
    (first === undefined || node.items[0]?.path === first) &&
    (end === undefined || comparePaths(node.items.at(-1)!.path, end) < 0) &&
    countOf(node) === entries
  if (!fits) throw new DfsError('corrupt', 'a node of the head is not in its place', { op: 'read head' })
  return node
}

/** Whoever keeps the plaintext has it decoded once. */
function decoded(plain: Buffer): HeadNode {
  const node = decodedNodes.get(plain) ?? decodeHeadNode(plain)
  decodedNodes.set(plain, node)
  return node
}

/** The places of a branch node's children. */
export function childPlaces({ level, items }: Exclude<HeadNode, { level: 0 }>, end?: ByteString): NodePlace[] {
  return items.map(({ path, ref, entries }, index) => ({
    ref,
    entries,
    level: level - 1,
    first: path,
    end: items[index + 1]?.path ?? end,
  }))
}

function countOf(node: HeadNode): number {
  return isLeaf(node) ? node.items.length : node.items.reduce((sum, { entries }) => sum + entries, 0)
}
