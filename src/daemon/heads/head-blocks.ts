/**
 * Which blocks of files a head refers to, and which of them another did not. Its own nodes are not among them.
 */
import type { BlockRef, Content } from '../../dfs.ts'
import { contentBytes } from '../../format/content.ts'
import type { FileEntry, HeadEntry } from '../../format/head-entry.ts'
import type { BlockSize } from '../../net/holds/hold-service.ts'
import { ManifestTree, type NodeReader } from '../../seal/manifest-tree.ts'
import { blocksOnlyIn, headBlocks } from '../../sync/head-blocks.ts'
import { entriesOnlyIn } from '../../sync/head-diff.ts'
import { readHead } from '../../sync/head-read.ts'
import type { HeadBlock } from './head-keeper.ts'
import { folderOf, type MadeHead, rootOf, treesOf } from './made-head.ts'

/** All of them, some more than once. Fails as reading a node does. */
export async function* blocksOfHead(head: MadeHead, nodes: NodeReader): AsyncGenerator<HeadBlock> {
  for (const folder of head.folders) {
    for await (const entry of readHead(rootOf(folder), nodes)) yield* blocksOfEntry(entry, undefined, nodes)
  }
}

/** Those that the head before did not refer to, and some that it did. */
export async function* blocksAdded(
  head: MadeHead,
  before: MadeHead | undefined,
  nodes: NodeReader,
): AsyncGenerator<HeadBlock> {
  for (const folder of head.folders) {
    const former = folderOf(before, folder.id)
    if (former === undefined) yield* blocksOfHead({ ...head, folders: [folder] }, nodes)
    else {
      for await (const { entry, before } of entriesOnlyIn(rootOf(folder), rootOf(former), nodes)) {
        yield* blocksOfEntry(entry, before, nodes)
      }
    }
  }
}

/** The nodes of a head's trees that the trees of another head have not. */
export async function* nodesOnlyIn(
  head: MadeHead,
  other: MadeHead | undefined,
  nodes: NodeReader,
): AsyncGenerator<BlockSize> {
  for (const folder of head.folders) {
    for (const { root, former } of treesOf(folder, folderOf(other, folder.id))) {
      const refs = former === undefined ? headBlocks(root, nodes) : blocksOnlyIn(root, former, nodes)
      for await (const ref of refs) yield sizeOf(ref)
    }
  }
}

/** Whether two files have the same content, as their blocks say it. */
export function hasContentOf(a: FileEntry['state'], b: Pick<FileEntry['state'], 'content' | 'meta'>): boolean {
  return a.meta.size === b.meta.size && isSameContent(a.content, b.content)
}

async function* blocksOfEntry(
  entry: HeadEntry,
  before: HeadEntry | undefined,
  nodes: NodeReader,
): AsyncGenerator<HeadBlock> {
  if (entry.kind !== 'file') return
  const { content, meta } = entry.state
  const former = before?.kind === 'file' ? before.state : undefined
  if (former !== undefined && hasContentOf(former, entry.state)) return
  const formerTree = former && ManifestTree.of(former.content, former.meta.size)
  for await (const { ref, kind, index } of ManifestTree.of(content, meta.size).blocks(nodes)) {
    const known = index === undefined ? undefined : await formerTree?.get(index, nodes)
    if (known?.cid !== ref.cid) yield { ...sizeOf(ref), kind }
  }
}

function isSameContent(a: Content, b: Content): boolean {
  return a.kind === b.kind && contentBytes(a).equals(contentBytes(b))
}

function sizeOf({ cid, sealedBytes }: BlockRef): BlockSize {
  return { cid, bytes: sealedBytes }
}
