/**
 * Keys and values of the `level` index. The index is a cache: an entry that does not decode, of whatever version,
 * is as good as none, and the index is rebuilt from stubs, blocks and journal, never migrated.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { Cid, FileMeta } from '../dfs.ts'
import { cidOfDigest, DIGEST_BYTES, digestOfCid } from './cid.ts'
import { readMeta, writeMeta } from './file-meta.ts'
import { requireRule, requireVersion } from './refuse.ts'
import { FILE_ID_BYTES } from './stub.ts'

/** Names an underlying object for its whole life: inode numbers are used again, birth times make the difference. */
export interface ObjectKey {
  readonly dev: number
  readonly ino: number
  readonly btimeNs: bigint
}

/** What a stub says, to be believed while the stub's underlying ctime is the one noted here. */
export interface AttributesEntry {
  /** The underlying ctime of the stub when it was read. */
  readonly ctimeNs: bigint
  /** 16 bytes. */
  readonly fileId: Buffer
  readonly sequence: number
  readonly meta: FileMeta
  /** Bytes of the file that are not holes, for `st_blocks`. */
  readonly allocatedBytes: number
}

/** The blocks that one thing refers to directly: a stub or version (reference list), or a manifest node (node children). */
export interface References {
  /** Data blocks. */
  readonly data: readonly Cid[]
  /** Manifest nodes, whose children are references in turn. */
  readonly nodes: readonly Cid[]
}

const VERSION = 1

/** The 24-byte key of an object's attributes. */
export function encodeObjectKey({ dev, ino, btimeNs }: ObjectKey): Buffer {
  return new Writer().u53(dev).u53(ino).i64(btimeNs).finish()
}

/** Fails with `corrupt`. */
export function decodeObjectKey(bytes: Buffer): ObjectKey {
  const reader = new Reader(bytes)
  const key = { dev: reader.u53(), ino: reader.u53(), btimeNs: reader.i64() }
  reader.end()
  return key
}

export function encodeAttributes({ ctimeNs, fileId, sequence, meta, allocatedBytes }: AttributesEntry): Buffer {
  assert(fileId.length === FILE_ID_BYTES, 'a file id has 16 bytes')
  const writer = new Writer().u8(VERSION).i64(ctimeNs).bytes(fileId).u53(sequence)
  return writeMeta(writer, meta).u53(allocatedBytes).finish()
}

/** The file id points into `bytes`. Fails with `corrupt`, `newer-version`. */
export function decodeAttributes(bytes: Buffer): AttributesEntry {
  const reader = new Reader(bytes)
  requireVersion('index entry', reader.u8(), VERSION)
  const ctimeNs = reader.i64()
  const fileId = reader.bytes(FILE_ID_BYTES)
  const sequence = reader.u53()
  const meta = readMeta(reader)
  const allocatedBytes = reader.u53()
  reader.end()
  return { ctimeNs, fileId, sequence, meta, allocatedBytes }
}

export function encodeReferences({ data, nodes }: References): Buffer {
  const writer = new Writer().u8(VERSION).u32(data.length).u32(nodes.length)
  for (const cid of data) writer.bytes(digestOfCid(cid))
  for (const cid of nodes) writer.bytes(digestOfCid(cid))
  return writer.finish()
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeReferences(bytes: Buffer): References {
  const reader = new Reader(bytes)
  requireVersion('index entry', reader.u8(), VERSION)
  const dataCount = reader.u32()
  const nodeCount = reader.u32()
  requireRule(
    (dataCount + nodeCount) * DIGEST_BYTES === reader.remaining,
    'index entry: length does not fit the counts',
  )
  return { data: readCids(reader, dataCount), nodes: readCids(reader, nodeCount) }
}

function readCids(reader: Reader, count: number): Cid[] {
  return Array.from({ length: count }, () => cidOfDigest(reader.bytes(DIGEST_BYTES)))
}
