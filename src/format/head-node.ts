/**
 * Nodes of a head's tree: the plaintext of sealed node blocks. A node of level 0 holds entries, a node of level k refers to
 * nodes of level k - 1, each by the first path in it. Paths ascend through the whole tree.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { BlockRef, ByteString } from '../dfs.ts'
import { BLOCK_REF_BYTES, readBlockRef, writeBlockRef } from './block-ref.ts'
import { encodeEntry, type HeadEntry } from './head-entry.ts'
import { comparePaths, isHeadPath } from './head-path.ts'
import { magicNumber, requireRule, requireVersion } from './refuse.ts'

/** One frame: a node's block is opened by one message. */
export const HEAD_NODE_BYTES_MAX = 65_536
export const HEAD_NODE_HEADER_BYTES = 8
/** The longest item has a path, the content of a stub and attributes, all as long as they may be. */
export const HEAD_ITEM_BYTES_MAX = 16_384
/** Each level has a hundredth of the nodes of the one below it. */
export const HEAD_LEVEL_MAX = 7

const MAGIC = magicNumber('dfse')
const VERSION = 1

interface Item {
  readonly path: ByteString
  /** As it stands in the node. */
  readonly bytes: Buffer
}

/** An item of a node of level 0. */
export interface LeafItem extends Item {
  /** What `decodeEntry` reads. */
  readonly record: Buffer
}

/** An item of a node of a higher level. */
export interface BranchItem extends Item {
  /** How many entries are below it. */
  readonly entries: number
  readonly ref: BlockRef
}

export type HeadNode =
  | { readonly level: 0; readonly items: readonly LeafItem[] }
  | { readonly level: number; readonly items: readonly BranchItem[] }

/** How an entry stands in a node of level 0. */
export function encodeLeafItem(entry: HeadEntry): Buffer {
  assert(entry.path === '' || isHeadPath(entry.path), 'a path of names')
  return encodeItem(entry.path, encodeEntry(entry))
}

/** How any record stands in a node of level 0. */
export function encodeItem(path: ByteString, record: Buffer): Buffer {
  return pathWriter(path).u16(record.length).bytes(record).finish()
}

/** How a node stands in its parent; `path` is the first in it. */
export function encodeBranchItem({ path, entries, ref }: Omit<BranchItem, 'bytes'>): Buffer {
  const bytes = Buffer.allocUnsafe(BLOCK_REF_BYTES)
  writeBlockRef(bytes, 0, ref)
  return pathWriter(path).u53(entries).bytes(bytes).finish()
}

/** A node of such items in the order of their paths; without any it is the root of a tree of no entries. */
export function encodeHeadNode(level: number, items: readonly Buffer[]): Buffer {
  assert(level <= HEAD_LEVEL_MAX && (items.length > 0 || level === 0))
  const header = new Writer().u32(MAGIC).u8(VERSION).u8(level).u16(items.length).finish()
  const bytes = Buffer.concat([header, ...items])
  assert(bytes.length <= HEAD_NODE_BYTES_MAX, 'a node fits a frame')
  return bytes
}

/** Reads a node's plaintext; the entries' records are still to be read. Views on `bytes`. Fails with `corrupt`, `newer-version`. */
export function decodeHeadNode(bytes: Buffer): HeadNode {
  requireRule(bytes.length <= HEAD_NODE_BYTES_MAX, 'head node: too long')
  const reader = new Reader(bytes)
  requireRule(reader.u32() === MAGIC, 'head node: not a node of a head (magic)')
  requireVersion('head node', reader.u8(), VERSION)
  const level = reader.u8()
  requireRule(level <= HEAD_LEVEL_MAX, 'head node: impossible level')
  const count = reader.u16()
  requireRule(count > 0 || level === 0, 'head node: refers to nothing')
  const items: (LeafItem | BranchItem)[] = []
  let last: ByteString | undefined
  for (let index = 0; index < count; index++) {
    const item = readItem(level, bytes, reader)
    requireRule(last === undefined || comparePaths(last, item.path) < 0, 'head node: paths do not ascend')
    last = item.path
    items.push(item)
  }
  reader.end()
  return { level, items } as HeadNode
}

/** Whether a node holds entries. */
export function isLeaf(node: HeadNode): node is Extract<HeadNode, { level: 0 }> {
  return node.level === 0
}

function readItem(level: number, bytes: Buffer, reader: Reader): LeafItem | BranchItem {
  const start = bytes.length - reader.remaining
  const path = reader.bytes(reader.u16()).toString('latin1')
  requireRule(path === '' || isHeadPath(path), 'head node: not a path')
  const own = level === 0 ? readLeaf(reader) : readBranch(reader)
  const item = bytes.subarray(start, bytes.length - reader.remaining)
  requireRule(item.length <= HEAD_ITEM_BYTES_MAX, 'head node: an item is too long')
  return { path, bytes: item, ...own }
}

function readLeaf(reader: Reader): Pick<LeafItem, 'record'> {
  return { record: reader.bytes(reader.u16()) }
}

function readBranch(reader: Reader): Pick<BranchItem, 'entries' | 'ref'> {
  const entries = reader.u53()
  requireRule(entries > 0, 'head node: refers to a node without entries')
  const ref = readBlockRef(reader.bytes(BLOCK_REF_BYTES), 0)
  requireRule(ref !== undefined, 'head node: refers to a hole')
  return { entries, ref }
}

function pathWriter(path: ByteString): Writer {
  return new Writer().u16(path.length).bytes(Buffer.from(path, 'latin1'))
}
