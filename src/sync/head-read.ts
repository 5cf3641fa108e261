/**
 * Reading a head's tree: all entries in order, or one. Memory holds a node of each level, and a few ahead.
 */
import type { ByteString } from '../dfs.ts'
import { decodeEntry, type HeadEntry } from '../format/head-entry.ts'
import { type HeadNode, isLeaf, type LeafItem } from '../format/head-node.ts'
import { comparePaths, isAtOrBelow } from '../format/head-path.ts'
import type { NodeReader } from '../seal/manifest-tree.ts'
import { childPlaces, type HeadRoot, type NodePlace, readHeadNode } from './head-nodes.ts'

/** So many leaves are on their way while one is read, for they may come from far. */
const LEAVES_AHEAD = 8
/** And so many nodes of each level above. */
const BRANCHES_AHEAD = 1

/** All entries, in the order of their paths; buffers are views of the nodes. Fails with `corrupt`, `newer-version`, and as `readNode` does. */
export async function* readHead(root: HeadRoot, nodes: NodeReader): AsyncGenerator<HeadEntry> {
  for await (const { path, record } of readItems(root, nodes)) yield decodeEntry(path, record)
}

/** The same of a tree of any kind. */
export async function* readItems(root: HeadRoot, nodes: NodeReader): AsyncGenerator<LeafItem> {
  for await (const items of leaves(await readHeadNode(root, nodes), undefined, nodes)) yield* items
}

/** The entry at a path; undefined if the tree has none. Fails as `readHead` does. */
export async function findEntry(root: HeadRoot, path: ByteString, nodes: NodeReader): Promise<HeadEntry | undefined> {
  let node = await readHeadNode(root, nodes)
  let end: ByteString | undefined
  while (!isLeaf(node)) {
    const at = node.items.findLastIndex((item) => comparePaths(item.path, path) <= 0)
    if (at < 0) return undefined
    const place: NodePlace = childPlaces(node, end)[at]!
    end = place.end
    node = await readHeadNode(place, nodes)
  }
  const found = node.items.find((item) => item.path === path)
  return found && decodeEntry(path, found.record)
}

/** The paths of what has this path or is below it, in their order. Fails as `readHead` does. */
export async function* pathsBelow(root: HeadRoot, path: ByteString, nodes: NodeReader): AsyncGenerator<ByteString> {
  let places: NodePlace[] = [root]
  for (let place = places.shift(); place !== undefined; place = places.shift()) {
    const node = await readHeadNode(place, nodes)
    if (isLeaf(node)) {
      for (const item of node.items) if (isAtOrBelow(item.path, path)) yield item.path
    } else {
      const children = childPlaces(node, place.end)
      places = [...children.filter((child) => mayHoldBelow(child, path)), ...places]
    }
  }
}

function mayHoldBelow({ first, end }: NodePlace, path: ByteString): boolean {
  const endsBefore = end !== undefined && comparePaths(end, path) <= 0
  const beginsBehind = comparePaths(first!, path) > 0 && !isAtOrBelow(first!, path)
  return !endsBefore && !beginsBehind
}

async function* leaves(
  node: HeadNode,
  end: ByteString | undefined,
  nodes: NodeReader,
): AsyncGenerator<readonly LeafItem[]> {
  if (isLeaf(node)) {
    yield node.items
    return
  }
  const ahead = node.level === 1 ? LEAVES_AHEAD : BRANCHES_AHEAD
  for await (const { place, node: child } of readInOrder(childPlaces(node, end), ahead, nodes)) {
    yield* leaves(child, place.end, nodes)
  }
}

async function* readInOrder(
  places: readonly NodePlace[],
  ahead: number,
  nodes: NodeReader,
): AsyncGenerator<{ place: NodePlace; node: HeadNode }> {
  const coming: Promise<HeadNode>[] = []
  for (const [index, place] of places.entries()) {
    while (coming.length <= ahead && index + coming.length < places.length) {
      const reading = readHeadNode(places[index + coming.length]!, nodes)
      // Whoever awaits it hears of a failure; if the reader has left by then, nobody does.
      reading.catch(() => undefined)
      coming.push(reading)
    }
    yield { place, node: await coming.shift()! }
  }
}
