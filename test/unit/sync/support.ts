/** Nodes in memory, and synthetic entries, for tests of heads. */
import type { BlockRef, Cid } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import type { FileEntry, HeadEntry } from '../../../src/format/head-entry.ts'
import { Keys } from '../../../src/seal/keys.ts'
import type { NodeIo } from '../../../src/seal/manifest-tree.ts'
import { openBlock } from '../../../src/seal/open-block.ts'
import { sealBlock } from '../../../src/seal/seal-block.ts'
import type { HeadSealer } from '../../../src/sync/head-builder.ts'
import type { HeadRoot } from '../../../src/sync/head-nodes.ts'
import { readHead } from '../../../src/sync/head-read.ts'

export const KEYS = Keys.derive(Buffer.alloc(32, 7))

/** Seals nodes for real and keeps the blocks; says which were sealed and read since `forget`. */
export class MemoryNodes implements HeadSealer, NodeIo {
  readonly splitSecret = KEYS.splitSecret
  readonly blocks = new Map<Cid, Buffer>()
  /** Those that were not there before. */
  made: BlockRef[] = []
  reads = 0

  async sealNode(plain: Buffer): Promise<BlockRef> {
    const { ref, bytes } = sealBlock('node', plain, KEYS)
    if (!this.blocks.has(ref.cid)) this.made.push(ref)
    this.blocks.set(ref.cid, bytes)
    return ref
  }

  readNode(ref: BlockRef): Buffer {
    this.reads++
    const bytes = this.blocks.get(ref.cid)
    if (bytes === undefined) throw new DfsError('unreachable', 'nobody has the block')
    return openBlock(bytes, ref)
  }

  forget(): void {
    this.made = []
    this.reads = 0
  }
}

export async function entriesOf(root: HeadRoot, nodes: NodeIo): Promise<HeadEntry[]> {
  const entries: HeadEntry[] = []
  for await (const entry of readHead(root, nodes)) entries.push(entry)
  return entries
}

/** A file of one block, as most are; what it says follows from the numbers. */
export function fileEntry(path: string, version = 1, seed = path.length): FileEntry {
  const fileId = Buffer.alloc(16)
  fileId.write(path.slice(-12), 'latin1')
  const node = Buffer.alloc(108)
  node[0] = 1
  node.writeUInt16LE(1, 2)
  for (let at = 4; at < 100; at += 4) node.writeInt32LE(Math.imul(seed * 31 + at + version * 7919, 0x9e3779b1), at)
  node.writeUInt32LE(50_000, 100)
  node.writeUInt32LE(50_100, 104)
  const meta = { mode: 0o644, size: 50_000, mtimeNs: BigInt(version), ctimeNs: BigInt(version) }
  return {
    kind: 'file',
    path,
    uid: 1000,
    gid: 1000,
    state: { fileId, sequence: version, meta, content: { kind: 'root', node } },
  }
}

export function directoryEntry(path: string): HeadEntry {
  return { kind: 'directory', path, uid: 1000, gid: 1000, mode: 0o755, mtimeNs: 5n }
}
