/**
 * Cuts sorted items into the nodes of a head's tree, all levels at once, from the left: a prolly tree.
 *
 * Where a node ends depends on the items in it alone: on their lengths, and on a keyed hash of each path. So the tree is a
 * function of its entries and the secret, whatever its history, and behind a change the nodes soon begin where they began before.
 * In memory are the unfinished nodes, one a level.
 */
import assert from 'node:assert/strict'
import type { BlockRef, ByteString } from '../dfs.ts'
import {
  encodeBranchItem,
  encodeHeadNode,
  HEAD_ITEM_BYTES_MAX,
  HEAD_NODE_BYTES_MAX,
  HEAD_NODE_HEADER_BYTES,
} from '../format/head-node.ts'
import { keyedHash } from '../seal/hash.ts'
import type { NodeIo } from '../seal/manifest-tree.ts'
import type { HeadRoot } from './head-nodes.ts'

/** No node ends before it has so many bytes; every one does that has `NODE_BYTES_ENOUGH`, and so each fits a frame. */
const NODE_BYTES_MIN = 24_576
const NODE_BYTES_ENOUGH = HEAD_NODE_BYTES_MAX - HEAD_ITEM_BYTES_MAX - HEAD_NODE_HEADER_BYTES
/** Between the two it ends after so many bytes more, on average. */
const NODE_BYTES_SPREAD = 12_288

/** What sealing the nodes of a tree needs. */
export interface HeadSealer extends Pick<NodeIo, 'sealNode'> {
  /** 32 bytes, long-lived: the owner's `splitSecret`. */
  readonly splitSecret: Buffer
}

interface Unfinished {
  items: Buffer[]
  bytes: number
  first: ByteString
  entries: number
  /** Of the last item, where items are nodes. */
  lastRef: BlockRef | undefined
}

export class HeadBuilder {
  readonly #sealer: HeadSealer
  readonly #levels: Unfinished[] = [unfinished()]

  constructor(sealer: HeadSealer) {
    this.#sealer = sealer
  }

  /** The next entry, as its item stands in a leaf. To be awaited where it gives a promise. */
  add(path: ByteString, item: Buffer): void | Promise<void> {
    return this.#push(0, { path, item, entries: 1 })
  }

  /** Whether the next item begins a node at this level and at all below. */
  startsNode(level: number): boolean {
    for (let below = 0; below <= level; below++) if ((this.#levels[below]?.items.length ?? 0) > 0) return false
    return true
  }

  /** Takes a whole node over, unread. It must start here, and have ended by the rules or be followed by nothing. */
  adopt(level: number, node: { path: ByteString; entries: number; ref: BlockRef }): void | Promise<void> {
    assert(this.startsNode(level))
    return this.#push(level + 1, { ...node, item: encodeBranchItem(node) })
  }

  /** Seals what is unfinished; the tree. Nothing may be added after that. */
  async finish(): Promise<HeadRoot> {
    for (let level = 0; ; level++) {
      const { items, entries, lastRef } = this.#levels[level]!
      const isTop = level === this.#levels.length - 1
      if (isTop && items.length === 1 && lastRef !== undefined) return { ref: lastRef, entries }
      if (items.length > 0 || isTop) await this.#end(level)
    }
  }

  #push(
    level: number,
    item: { path: ByteString; item: Buffer; entries: number; ref?: BlockRef },
  ): void | Promise<void> {
    while (this.#levels.length <= level) this.#levels.push(unfinished())
    const node = this.#levels[level]!
    if (node.items.length === 0) node.first = item.path
    node.items.push(item.item)
    node.bytes += item.item.length
    node.entries += item.entries
    node.lastRef = item.ref
    if (this.#endsWith(level, node.bytes, item.path, item.item.length)) return this.#end(level)
  }

  #endsWith(level: number, nodeBytes: number, path: ByteString, itemBytes: number): boolean {
    if (nodeBytes < NODE_BYTES_MIN) return false
    if (nodeBytes >= NODE_BYTES_ENOUGH) return true
    const hash = keyedHash(this.#sealer.splitSecret, Buffer.of(level), Buffer.from(path, 'latin1'))
    return hash.readUInt32LE() < (itemBytes / NODE_BYTES_SPREAD) * 2 ** 32
  }

  async #end(level: number): Promise<void> {
    const { items, first, entries } = this.#levels[level]!
    this.#levels[level] = unfinished()
    const ref = await this.#sealer.sealNode(encodeHeadNode(level, items))
    await this.#push(level + 1, { path: first, entries, ref, item: encodeBranchItem({ path: first, entries, ref }) })
  }
}

function unfinished(): Unfinished {
  return { items: [], bytes: HEAD_NODE_HEADER_BYTES, first: '', entries: 0, lastRef: undefined }
}
