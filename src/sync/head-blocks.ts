/**
 * The blocks that a head's tree is made of: what a holder must have besides those of the files, and what a newer tree needs
 * that an older one does not.
 */
import type { BlockRef } from '../dfs.ts'
import { isLeaf } from '../format/head-node.ts'
import type { NodeReader } from '../seal/manifest-tree.ts'
import { childPlaces, type HeadRoot, type NodePlace, readHeadNode } from './head-nodes.ts'

/** Every node of the tree, from the root down, level by level. Leaves are not read. */
export async function* headBlocks(root: HeadRoot, nodes: NodeReader): AsyncGenerator<BlockRef> {
  const { level } = await readHeadNode(root, nodes)
  let places: NodePlace[] = [root]
  for (let at = level; ; at--) {
    for (const { ref } of places) yield ref
    if (at === 0) return
    places = await below(places, nodes)
  }
}

/**
 * The nodes of one tree that another has not. Reads the nodes above those on both sides: of two trees that differ little,
 * few. What both have is passed over with all below it.
 */
export async function* blocksOnlyIn(root: HeadRoot, other: HeadRoot, nodes: NodeReader): AsyncGenerator<BlockRef> {
  for await (const { places } of levelsOnlyIn(root, other, nodes)) for (const { ref } of places) yield ref
}

/** The same, level by level from the root down. */
export async function* levelsOnlyIn(
  root: HeadRoot,
  other: HeadRoot,
  nodes: NodeReader,
): AsyncGenerator<{ level: number; places: readonly NodePlace[] }> {
  let own: NodePlace[] = [root]
  let others: NodePlace[] = [other]
  let level = (await readHeadNode(root, nodes)).level
  let otherLevel = (await readHeadNode(other, nodes)).level
  for (;;) {
    for (; otherLevel > level; otherLevel--) others = await below(others, nodes)
    if (level === otherLevel) {
      const [ownCids, otherCids] = [cidsOf(own), cidsOf(others)]
      own = own.filter(({ ref }) => !otherCids.has(ref.cid))
      others = others.filter(({ ref }) => !ownCids.has(ref.cid))
    }
    yield { level, places: own }
    if (level === 0) return
    own = await below(own, nodes)
    level--
  }
}

async function below(places: readonly NodePlace[], nodes: NodeReader): Promise<NodePlace[]> {
  const children: NodePlace[] = []
  for (const place of places) {
    const node = await readHeadNode(place, nodes)
    if (!isLeaf(node)) children.push(...childPlaces(node, place.end))
  }
  return children
}

function cidsOf(places: readonly NodePlace[]): Set<string> {
  return new Set(places.map(({ ref }) => ref.cid))
}
