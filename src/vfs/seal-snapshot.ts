/**
 * Turns a snapshot of a file's content into what a stub carries: inline bytes, or a manifest over sealed blocks.
 */
import type { BlockRef, Content } from '../dfs.ts'
import { chunkBytes, chunkStart } from '../format/chunk-layout.ts'
import { INLINE_BYTES_MAX } from '../format/stub.ts'
import type { Plain } from '../seal/pool.ts'
import type { ChunkReader } from './chunk-reader.ts'
import type { DirtyMemory } from './dirty-memory.ts'
import type { ContentSnapshot } from './file-content.ts'
import { readSealed, refOf, withWholeChunk } from './sealed-layers.ts'
import type { Sealer } from './sealer.ts'

export interface SealedContent {
  readonly content: Content
  /** New blocks, pinned: unpin them when the content stands in a stub. */
  readonly pinned: BlockRef[]
  /** How many bytes more than the base the content has outside of holes. */
  readonly allocatedMoreBytes: number
}

const CHUNKS_AT_ONCE = 16
const NO_OVERLAY: ReadonlyMap<number, BlockRef | undefined> = new Map()

/** What of the folder's services sealing takes. */
interface SealServices {
  readonly sealer: Sealer
  readonly reader: ChunkReader
  readonly dirty: DirtyMemory
}

/** On failure nothing stays pinned. */
export async function sealSnapshot(snapshot: ContentSnapshot, services: SealServices): Promise<SealedContent> {
  const { sealer, reader } = services
  if (snapshot.size <= INLINE_BYTES_MAX) {
    const bytes = await inlineBytes(snapshot, services)
    return { content: { kind: 'inline', bytes }, pinned: [], allocatedMoreBytes: bytes.length }
  }
  const pinned: BlockRef[] = []
  const seal = async (kind: 'data' | 'node', plain: Plain) => {
    const ref = await sealer.seal(kind, plain)
    if (ref !== undefined) pinned.push(ref)
    return ref
  }
  try {
    const changes = await sealDirty(snapshot, services, seal)
    const { base, overlay } = snapshot.sealed
    if (base.inline !== undefined && base.keepChunks > 0 && !changes.has(0) && !overlay.has(0)) {
      changes.set(0, await seal('data', base.inline.subarray(0, Math.min(base.inline.length, snapshot.size))))
    }
    for (const [index, ref] of overlay) if (!changes.has(index)) changes.set(index, ref)
    const allocatedMoreBytes = await allocatedMore(snapshot, reader, changes)
    const tree = await base.tree.update(
      { changes, keepChunks: base.keepChunks, size: snapshot.size },
      {
        readNode: (ref) => reader.readNode(ref),
        sealNode: async (plain) => {
          const ref = (await seal('node', plain))!
          reader.keepNode(ref, plain)
          return ref
        },
      },
    )
    return { content: tree.content, pinned, allocatedMoreBytes }
  } catch (error) {
    sealer.unpin(pinned)
    throw error
  }
}

async function allocatedMore(
  { sealed: { base } }: ContentSnapshot,
  reader: ChunkReader,
  changes: ReadonlyMap<number, BlockRef | undefined>,
): Promise<number> {
  let more = 0
  for (const [index, ref] of changes) {
    const before = await refOf({ base, overlay: NO_OVERLAY }, reader, index)
    more += (ref?.plainBytes ?? 0) - (before?.plainBytes ?? 0)
  }
  return more
}

async function inlineBytes({ size, dirty, sealed }: ContentSnapshot, services: SealServices): Promise<Buffer> {
  const chunk = dirty.find(({ index }) => index === 0)
  if (chunk !== undefined) {
    const whole = { chunk, length: size, layers: sealed }
    return withWholeChunk(whole, services, async (plain) => Buffer.concat([plain].flat()))
  }
  const bytes = Buffer.alloc(size)
  if (bytes.length > 0) await readSealed(sealed, services.reader, 0, 0, bytes)
  return bytes
}

async function sealDirty(
  snapshot: ContentSnapshot,
  services: SealServices,
  seal: (kind: 'data', plain: Plain) => Promise<BlockRef | undefined>,
): Promise<Map<number, BlockRef | undefined>> {
  const changes = new Map<number, BlockRef | undefined>()
  const waiting = snapshot.dirty[Symbol.iterator]()
  const work = async () => {
    for (const chunk of waiting) {
      const length = Math.min(chunkBytes(chunk.index), snapshot.size - chunkStart(chunk.index))
      if (length <= 0) continue
      const whole = { chunk, length, layers: snapshot.sealed }
      changes.set(chunk.index, await withWholeChunk(whole, services, (plain) => seal('data', plain)))
    }
  }
  const workers = Array.from({ length: Math.min(CHUNKS_AT_ONCE, snapshot.dirty.length) }, work)
  const results = await Promise.allSettled(workers)
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return changes
}
