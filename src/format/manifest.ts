/**
 * Nodes of a manifest, the tree that makes up one version of a file. A node of level 0 refers to data blocks,
 * a node of level k to nodes of level k - 1; entry `i` stands for the i-th child of NODE_ENTRIES_MAX.
 *
 * A node has one encoding: holes at its end are cut, so that equal trees are equal blocks.
 */
import assert from 'node:assert/strict'
import type { BlockRef } from '../dfs.ts'
import { BLOCK_REF_BYTES, readBlockRef, writeBlockRef } from './block-ref.ts'
import { requireRule, requireVersion } from './refuse.ts'

export const NODE_ENTRIES_MAX = 1024
export const NODE_HEADER_BYTES = 4
/** Length of a full node's plaintext. */
export const NODE_BYTES_MAX = nodeBytes(NODE_ENTRIES_MAX)
/** Four levels of 1,024 entries name more chunks than a file of 2^53 bytes has. */
export const LEVEL_MAX = 3

const VERSION = 1

export interface Node {
  readonly level: number
  /** At most NODE_ENTRIES_MAX; undefined is a hole. */
  readonly entries: readonly (BlockRef | undefined)[]
}

/** A node's plaintext whose entries are decoded when asked for. */
export interface NodeView {
  readonly level: number
  /** Entries that are written out; those from here to NODE_ENTRIES_MAX are holes. */
  readonly count: number
  /** The reference at `index`, undefined for a hole (also at and past `count`). Fails with `corrupt`. */
  entry(index: number): BlockRef | undefined
}

/** Length of the plaintext of a node with so many entries. */
export function nodeBytes(count: number): number {
  return NODE_HEADER_BYTES + count * BLOCK_REF_BYTES
}

export function encodeNode({ level, entries }: Node): Buffer {
  let count = entries.length
  while (count > 0 && entries[count - 1] === undefined) count--
  const bytes = allocateNode(level, count)
  for (let index = 0; index < count; index++) writeBlockRef(bytes, nodeBytes(index), entries[index])
  return bytes
}

/** Reads a node's plaintext; the view stays on `bytes`. Fails with `corrupt`, `newer-version`. */
export function decodeNode(bytes: Buffer): NodeView {
  requireRule(bytes.length >= NODE_HEADER_BYTES, 'manifest node: shorter than its header')
  requireVersion('manifest node', bytes[0]!, VERSION)
  const level = bytes[1]!
  requireRule(level <= LEVEL_MAX, 'manifest node: impossible level')
  const count = bytes.readUInt16LE(2)
  requireRule(count <= NODE_ENTRIES_MAX, 'manifest node: too many entries')
  requireRule(bytes.length === nodeBytes(count), 'manifest node: length does not fit the entry count')
  const entry = (index: number) => (index < count ? readBlockRef(bytes, nodeBytes(index)) : undefined)
  requireRule(count === 0 || entry(count - 1) !== undefined, 'manifest node: ends in a hole')
  return { level, count, entry }
}

/**
 * A copy of a node's plaintext in which the entries at and past `keep` are holes, and then those in `changes`
 * are replaced. Entries that do not change are copied as bytes, never decoded.
 */
export function updateNode(
  bytes: Buffer,
  { changes, keep = NODE_ENTRIES_MAX }: { changes: ReadonlyMap<number, BlockRef | undefined>; keep?: number },
): Buffer {
  const { level, count } = decodeNode(bytes)
  const kept = Math.min(keep, count)
  let end = kept
  for (const index of changes.keys()) end = Math.max(end, index + 1)
  const updated = allocateNode(level, end)
  bytes.copy(updated, NODE_HEADER_BYTES, NODE_HEADER_BYTES, nodeBytes(kept))
  updated.fill(0, nodeBytes(kept))
  for (const [index, ref] of changes) writeBlockRef(updated, nodeBytes(index), ref)
  return cutHoles(updated, end)
}

function cutHoles(bytes: Buffer, entries: number): Buffer {
  let count = entries
  while (count > 0 && readBlockRef(bytes, nodeBytes(count - 1)) === undefined) count--
  bytes.writeUInt16LE(count, 2)
  return bytes.subarray(0, nodeBytes(count))
}

function allocateNode(level: number, count: number): Buffer {
  assert(level >= 0 && level <= LEVEL_MAX && count <= NODE_ENTRIES_MAX)
  const bytes = Buffer.allocUnsafe(nodeBytes(count))
  bytes[0] = VERSION
  bytes[1] = level
  bytes.writeUInt16LE(count, 2)
  return bytes
}
