/**
 * The manifest of one version of a file: a tree of nodes, 1,024 entries each, whose leaves are the file's chunks.
 *
 * Immutable: `update` makes another tree and seals only the nodes on the way to what changed. A subtree
 * without a block is a hole in its parent, and the shape follows from the number of chunks, so equal chunks
 * give an equal tree whatever its history.
 */
import type { BlockKind, BlockRef, Content } from '../dfs.ts'
import { chunkCount } from '../format/chunk-layout.ts'
import type { NodeView } from '../format/manifest.ts'
import { decodeNodeAt, type NodeReader, rootLevel, span } from './manifest-shape.ts'
import { type NodeIo, type TreeChange, updateContent } from './manifest-update.ts'

export type { NodeReader } from './manifest-shape.ts'
export type { NodeIo, TreeChange } from './manifest-update.ts'

/** A block of a file's content; `index` is a chunk's, undefined for a node. */
export interface TreeBlock {
  readonly ref: BlockRef
  readonly kind: BlockKind
  readonly index?: number
}

export class ManifestTree {
  readonly content: Content
  readonly size: number
  readonly #chunks: number
  readonly #level: number
  readonly #root: NodeView | undefined

  private constructor(content: Content, size: number) {
    this.content = content
    this.size = size
    this.#chunks = chunkCount(size)
    this.#level = rootLevel(this.#chunks)
    this.#root = content.kind === 'root' ? decodeNodeAt(this.#level, content.node) : undefined
  }

  /** The tree of a file of `size` bytes. Inline content is a tree without chunks. Fails with `corrupt`, `newer-version`. */
  static of(content: Content, size: number): ManifestTree {
    return new ManifestTree(content, size)
  }

  /**
   * The chunk at `index`; undefined for a hole, past the end, and for inline content. At once if `readNode` answers
   * at once for every node on the way (all of them, when the stub carries the root of a small file).
   */
  get(index: number, nodes: NodeReader): BlockRef | undefined | Promise<BlockRef | undefined> {
    if (index >= this.#chunks || this.content.kind === 'inline') return undefined
    if (this.content.kind === 'root') return find(this.#root!, index, nodes)
    return findBelow(this.content.ref, this.#level, index, nodes)
  }

  /** Index of the first chunk at or behind `index` that is no hole; undefined if there is none. Holes cost nothing. */
  async next(index: number, nodes: NodeReader): Promise<number | undefined> {
    if (this.content.kind === 'root') return nextIn(this.#root!, index, nodes)
    if (this.content.kind === 'ref') return nextBelow(this.content.ref, this.#level, index, nodes)
  }

  /** The tree after a change; see `TreeChange`. Nothing of it is kept unless the caller keeps its content. */
  async update(change: TreeChange, io: NodeIo): Promise<ManifestTree> {
    const content = await updateContent({ content: this.content, chunks: this.#chunks }, change, io)
    return new ManifestTree(content, change.size)
  }

  /** All blocks of the content, in the order of the file, a node before what it names. */
  async *blocks(nodes: NodeReader): AsyncGenerator<TreeBlock> {
    if (this.content.kind === 'root') yield* blocksOf(this.#root!, 0, nodes)
    if (this.content.kind === 'ref') yield* blocksBelow(this.content.ref, this.#level, 0, nodes)
  }
}

function findBelow(ref: BlockRef, level: number, index: number, nodes: NodeReader) {
  const plain = nodes.readNode(ref)
  return plain instanceof Promise
    ? plain.then((bytes) => find(decodeNodeAt(level, bytes), index, nodes))
    : find(decodeNodeAt(level, plain), index, nodes)
}

function find(node: NodeView, index: number, nodes: NodeReader): BlockRef | undefined | Promise<BlockRef | undefined> {
  if (node.level === 0) return node.entry(index)
  const childSpan = span(node.level - 1)
  const child = node.entry(Math.floor(index / childSpan))
  return child && findBelow(child, node.level - 1, index % childSpan, nodes)
}

async function nextBelow(ref: BlockRef, level: number, index: number, nodes: NodeReader): Promise<number | undefined> {
  return nextIn(decodeNodeAt(level, await nodes.readNode(ref)), index, nodes)
}

/** `index`, and what is found, count from the first chunk that the node covers. */
async function nextIn(node: NodeView, index: number, nodes: NodeReader): Promise<number | undefined> {
  const childSpan = node.level === 0 ? 1 : span(node.level - 1)
  for (let i = Math.floor(index / childSpan); i < node.count; i++) {
    const ref = node.entry(i)
    if (ref === undefined) continue
    if (node.level === 0) return i
    const found = await nextBelow(ref, node.level - 1, Math.max(0, index - i * childSpan), nodes)
    if (found !== undefined) return i * childSpan + found
  }
}

async function* blocksBelow(ref: BlockRef, level: number, first: number, nodes: NodeReader): AsyncGenerator<TreeBlock> {
  yield { ref, kind: 'node' }
  yield* blocksOf(decodeNodeAt(level, await nodes.readNode(ref)), first, nodes)
}

/** `first`: the index of the first chunk the node covers. */
async function* blocksOf(node: NodeView, first: number, nodes: NodeReader): AsyncGenerator<TreeBlock> {
  for (let i = 0; i < node.count; i++) {
    const ref = node.entry(i)
    if (ref === undefined) continue
    if (node.level === 0) yield { ref, kind: 'data', index: first + i }
    else yield* blocksBelow(ref, node.level - 1, first + i * span(node.level - 1), nodes)
  }
}
