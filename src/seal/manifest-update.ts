/**
 * How a manifest tree changes. Nodes are made bottom-up, left to right, one at a time: memory holds one node of each
 * level, however large the file. A node whose chunks stay is taken over by its reference, unread.
 */
import type { BlockRef, Content } from '../dfs.ts'
import { chunkCount } from '../format/chunk-layout.ts'
import { decodeNode, encodeNode, NODE_ENTRIES_MAX, type NodeView, updateNode } from '../format/manifest.ts'
import { ROOT_NODE_BYTES_MAX } from '../format/stub.ts'
import { decodeNodeAt, type NodeReader, rootLevel, span } from './manifest-shape.ts'

/** Reads nodes, and seals new ones. */
export interface NodeIo extends NodeReader {
  /** Seals a node's plaintext, which must not be written to afterwards; the block is kept when this resolves. */
  sealNode(plain: Buffer): Promise<BlockRef>
}

export interface TreeChange {
  /** Chunks that are new, by index; undefined makes a hole. Those past the end of the file are left out. */
  readonly changes: ReadonlyMap<number, BlockRef | undefined>
  /** Chunks from this index on are not taken over from the old tree. Whatever is neither new nor taken over is a hole. */
  readonly keepChunks: number
  /** The new size of the file in bytes. */
  readonly size: number
}

/** A node that is at hand: a block, or a plaintext that no block holds yet. */
type HeldNode = { readonly ref: BlockRef } | { readonly plain: Buffer }

/**
 * The part of the old tree below one place of the new one: the node of that place, or, above the old root,
 * the old root as the first of all descendants.
 */
type OldPart = { readonly node: HeldNode } | { readonly below: OldPart } | undefined

interface OldTree {
  readonly content: Content
  readonly chunks: number
}

/** The content after a change of the old tree. */
export async function updateContent(old: OldTree, change: TreeChange, io: NodeIo): Promise<Content> {
  const chunks = chunkCount(change.size)
  if (chunks === 0) return { kind: 'inline', bytes: Buffer.alloc(0) }
  const level = rootLevel(chunks)
  const update = new Update(old, chunks, change, io)
  return contentOf(await update.build(level, 0, await oldRootAt(level, old, io)), level, io)
}

class Update {
  readonly #changes: ReadonlyMap<number, BlockRef | undefined>
  /** The indices of what changes, ascending. */
  readonly #indices: number[]
  readonly #oldChunks: number
  readonly #keepChunks: number
  readonly #io: NodeIo

  constructor(old: OldTree, chunks: number, { changes, keepChunks }: TreeChange, io: NodeIo) {
    this.#changes = changes
    this.#indices = [...changes.keys()].filter((index) => index < chunks).sort((a, b) => a - b)
    this.#oldChunks = old.content.kind === 'inline' ? 0 : old.chunks
    this.#keepChunks = Math.min(keepChunks, this.#oldChunks, chunks)
    this.#io = io
  }

  /** The new node of a place; undefined if it holds nothing. */
  async build(level: number, position: number, old: OldPart): Promise<HeldNode | undefined> {
    const first = position * span(level)
    const end = first + span(level)
    const changed = this.#indicesIn(first, end)
    const isCut = Math.min(end, this.#oldChunks) > this.#keepChunks
    if (changed.length === 0 && first >= this.#keepChunks) return undefined
    if (changed.length === 0 && !isCut && (old === undefined || 'node' in old)) return old?.node

    const oldPlain = await plainOf(level, old, this.#io)
    const changes =
      level === 0
        ? new Map(changed.map((index) => [index - first, this.#changes.get(index)]))
        : await this.#buildChildren({ level, first, changed, isCut, old, oldPlain })
    const keep = clampEntries(Math.ceil((this.#keepChunks - first) / childSpan(level)))
    const plain = updateNode(oldPlain, { changes, keep })
    return decodeNode(plain).count === 0 ? undefined : { plain }
  }

  /** The entries that differ from the old node's: those with changes below, the one that is cut, and the old root. */
  async #buildChildren({
    level,
    first,
    changed,
    isCut,
    old,
    oldPlain,
  }: Parent): Promise<Map<number, BlockRef | undefined>> {
    const childOf = (index: number) => Math.floor((index - first) / childSpan(level))
    const touched = new Set(changed.map(childOf))
    if (isCut && this.#keepChunks > first) touched.add(childOf(this.#keepChunks - 1))
    if (old !== undefined && 'below' in old) touched.add(0)
    const oldNode = decodeNode(oldPlain)
    const entries = new Map<number, BlockRef | undefined>()
    for (const child of [...touched].sort((a, b) => a - b)) {
      const position = first / childSpan(level) + child
      const node = await this.build(level - 1, position, childPart(old, oldNode, child))
      entries.set(child, node && (await seal(node, this.#io)))
    }
    return entries
  }

  #indicesIn(first: number, end: number): number[] {
    return this.#indices.slice(lowerBound(this.#indices, first), lowerBound(this.#indices, end))
  }
}

interface Parent {
  readonly level: number
  /** Index of the first chunk it covers. */
  readonly first: number
  /** Indices of the changed chunks below it. */
  readonly changed: number[]
  /** Whether chunks below it are not taken over. */
  readonly isCut: boolean
  readonly old: OldPart
  readonly oldPlain: Buffer
}

/** The old root as the new root, of another level perhaps, finds it. */
async function oldRootAt(level: number, { content, chunks }: OldTree, io: NodeIo): Promise<OldPart> {
  // A root without entries is nothing to take over: below the new root it would be a hole.
  if (content.kind === 'inline' || (content.kind === 'root' && decodeNode(content.node).count === 0)) return undefined
  let part: OldPart = { node: content.kind === 'root' ? { plain: content.node } : { ref: content.ref } }
  let at = rootLevel(chunks)
  for (; at > level; at--) part = childPart(part, decodeNode(await plainOf(at, part, io)), 0)
  for (; at < level; at++) part = { below: part }
  return part
}

function childPart(old: OldPart, oldNode: NodeView, child: number): OldPart {
  if (old !== undefined && 'below' in old) return child === 0 ? old.below : undefined
  const ref = oldNode.entry(child)
  return ref && { node: { ref } }
}

/** The plaintext of the old node at a place; that of an empty node where there was none. */
async function plainOf(level: number, old: OldPart, io: NodeIo): Promise<Buffer> {
  if (old === undefined || 'below' in old) return encodeNode({ level, entries: [] })
  const plain = 'ref' in old.node ? await io.readNode(old.node.ref) : old.node.plain
  decodeNodeAt(level, plain)
  return plain
}

async function contentOf(root: HeldNode | undefined, level: number, io: NodeIo): Promise<Content> {
  if (root === undefined) return { kind: 'root', node: encodeNode({ level, entries: [] }) }
  const bytes = 'ref' in root ? root.ref.plainBytes : root.plain.length
  if (bytes > ROOT_NODE_BYTES_MAX) return { kind: 'ref', ref: await seal(root, io) }
  return { kind: 'root', node: await plainOf(level, { node: root }, io) }
}

async function seal(node: HeldNode, io: NodeIo): Promise<BlockRef> {
  return 'ref' in node ? node.ref : io.sealNode(node.plain)
}

/** How many chunks an entry of a node of this level covers. */
function childSpan(level: number): number {
  return level === 0 ? 1 : span(level - 1)
}

function clampEntries(count: number): number {
  return Math.min(Math.max(count, 0), NODE_ENTRIES_MAX)
}

/** How many of the ascending numbers are below `limit`. */
function lowerBound(numbers: number[], limit: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (numbers[middle]! < limit) low = middle + 1
    else high = middle
  }
  return low
}
