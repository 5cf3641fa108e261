/**
 * Making a head's tree: whole from all entries, or from the one before and what changed. Both give the same tree.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import type { HeadEntry } from '../format/head-entry.ts'
import { encodeLeafItem, isLeaf, type LeafItem } from '../format/head-node.ts'
import { comparePaths } from '../format/head-path.ts'
import type { NodeReader } from '../seal/manifest-tree.ts'
import { HeadBuilder, type HeadSealer } from './head-builder.ts'
import { childPlaces, type HeadRoot, type NodePlace, readHeadNode } from './head-nodes.ts'

type Stream<T> = Iterable<T> | AsyncIterable<T>

/** What stands at a path from now on; undefined if nothing does. */
export interface HeadChange {
  readonly path: ByteString
  readonly entry: HeadEntry | undefined
}

/** What a tree has at a path, as it stands in a leaf. */
export interface TreeItem {
  readonly path: ByteString
  readonly item: Buffer
}

/** The same of what changes; undefined if nothing stands there from now on. */
export interface ItemChange {
  readonly path: ByteString
  readonly item: Buffer | undefined
}

/**
 * The tree of all these entries, which come in the order of their paths. A node that an earlier tree has, too, is the same
 * block. Fails with `invalid` where paths do not ascend, and as `sealNode` and the entries do.
 */
export function buildHead(entries: Stream<HeadEntry>, sealer: HeadSealer): Promise<HeadRoot> {
  return buildTree(
    mapped(entries, (entry) => ({ path: entry.path, item: encodeLeafItem(entry) })),
    sealer,
  )
}

/** The same of items of any kind. */
export async function buildTree(items: Stream<TreeItem>, sealer: HeadSealer): Promise<HeadRoot> {
  const builder = new HeadBuilder(sealer)
  for await (const { path, item } of ascending(items)) {
    const ended = builder.add(path, item)
    if (ended !== undefined) await ended
  }
  return builder.finish()
}

/**
 * The tree after changes, which come in the order of their paths: the one that `buildHead` would make of all entries if the
 * tree before was made with the same secret. Reads and seals only the nodes on the way to what changes, and a few behind.
 */
export function updateHead(
  root: HeadRoot,
  changes: Stream<HeadChange>,
  io: HeadSealer & NodeReader,
): Promise<HeadRoot> {
  const items = mapped(changes, ({ path, entry }) => ({ path, item: entry && encodeLeafItem(entry) }))
  return updateTree(root, items, io)
}

/** The same of items of any kind. */
export async function updateTree(
  root: HeadRoot,
  changes: Stream<ItemChange>,
  io: HeadSealer & NodeReader,
): Promise<HeadRoot> {
  await using pending = await Pending.of(ascending(changes))
  if (pending.next === undefined) return root
  const update = new Update(pending, io)
  await update.node(root)
  return update.builder.finish()
}

class Update {
  readonly builder: HeadBuilder
  readonly #changes: Pending
  readonly #nodes: NodeReader

  constructor(changes: Pending, io: HeadSealer & NodeReader) {
    this.builder = new HeadBuilder(io)
    this.#changes = changes
    this.#nodes = io
  }

  /** Carries a node over, changed. Whatever comes before it is done. */
  async node(place: NodePlace): Promise<void> {
    const { level, first, end, ref, entries } = place
    if (level !== undefined && !this.#changes.isBefore(end) && this.builder.startsNode(level)) {
      return this.builder.adopt(level, { path: first!, entries, ref })
    }
    const node = await readHeadNode(place, this.#nodes)
    if (isLeaf(node)) await this.#leaf(node.items, end)
    else for (const child of childPlaces(node, end)) await this.node(child)
  }

  async #leaf(items: readonly LeafItem[], end: ByteString | undefined): Promise<void> {
    for (const { path, bytes } of items) {
      await this.#changesBefore(path)
      if (this.#changes.next?.path === path) await this.#change()
      else await this.builder.add(path, bytes)
    }
    await this.#changesBefore(end)
  }

  async #changesBefore(end: ByteString | undefined): Promise<void> {
    while (this.#changes.isBefore(end)) await this.#change()
  }

  async #change(): Promise<void> {
    const { path, item } = this.#changes.next!
    if (item !== undefined) await this.builder.add(path, item)
    await this.#changes.advance()
  }
}

/** The changes that are still to be made. */
class Pending {
  next: ItemChange | undefined
  readonly #rest: AsyncGenerator<ItemChange>

  private constructor(rest: AsyncGenerator<ItemChange>) {
    this.#rest = rest
  }

  static async of(changes: AsyncGenerator<ItemChange>): Promise<Pending> {
    const pending = new Pending(changes)
    await pending.advance()
    return pending
  }

  async advance(): Promise<void> {
    const { done, value } = await this.#rest.next()
    this.next = done ? undefined : value
  }

  /** Whether a change comes before a path, undefined for the end of all. */
  isBefore(end: ByteString | undefined): boolean {
    return this.next !== undefined && (end === undefined || comparePaths(this.next.path, end) < 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rest.return(undefined)
  }
}

async function* mapped<T, U>(items: Stream<T>, map: (item: T) => U): AsyncGenerator<U> {
  for await (const item of items) yield map(item)
}

async function* ascending<T extends { readonly path: ByteString }>(items: Stream<T>): AsyncGenerator<T> {
  let last: ByteString | undefined
  for await (const item of items) {
    if (last !== undefined && comparePaths(last, item.path) >= 0) {
      throw new DfsError('invalid', 'the paths of a head ascend', { op: 'build head' })
    }
    last = item.path
    yield item
  }
}
