/**
 * What of a file's content lies in stub and blocks: the base, as the stub has it, and the overlay of chunks sealed
 * since. Reading them is the same for the file as it is now and for a snapshot of it.
 */
import type { BlockRef, Content } from '../dfs.ts'
import { chunkCount } from '../format/chunk-layout.ts'
import { ManifestTree } from '../seal/manifest-tree.ts'
import type { Plain } from '../seal/pool.ts'
import type { BlockReader } from './block-reader.ts'
import type { DirtyChunk } from './dirty-chunk.ts'
import type { DirtyMemory } from './dirty-memory.ts'

export interface ContentBase {
  /** The whole content, if the stub carries it. */
  readonly inline: Buffer | undefined
  readonly tree: ManifestTree
  /** Chunks of the base from this index on are cut off. */
  readonly keepChunks: number
}

export interface SealedLayers {
  readonly base: ContentBase
  /** Chunks sealed since; undefined is a hole. */
  readonly overlay: ReadonlyMap<number, BlockRef | undefined>
}

export function baseOf(content: Content, size: number): ContentBase {
  return {
    inline: content.kind === 'inline' ? content.bytes : undefined,
    tree: ManifestTree.of(content, size),
    keepChunks: chunkCount(size),
  }
}

/** Fills `into` with a chunk's bytes from `at` on; zeroes where nothing was ever sealed. */
export function readSealed(
  layers: SealedLayers,
  reader: BlockReader,
  index: number,
  at: number,
  into: Buffer,
): void | Promise<void> {
  const { inline, keepChunks } = layers.base
  if (inline !== undefined && index < keepChunks && !layers.overlay.has(index)) {
    const copied = index === 0 && at < inline.length ? inline.copy(into, 0, at) : 0
    into.fill(0, copied)
    return
  }
  const ref = refOf(layers, reader, index)
  if (ref instanceof Promise) return ref.then((found) => readRef(found, reader, at, into))
  return readRef(ref, reader, at, into)
}

/** The block of a chunk; undefined for a hole and for a chunk that the stub carries itself. */
export function refOf(
  { base, overlay }: SealedLayers,
  reader: BlockReader,
  index: number,
): BlockRef | undefined | Promise<BlockRef | undefined> {
  if (overlay.has(index)) return overlay.get(index)
  if (index >= base.keepChunks || base.inline !== undefined) return undefined
  return base.tree.get(index, reader)
}

/** Index of the first chunk at or behind `index` that is no hole; undefined if there is none. */
export async function nextSealed(
  { base, overlay }: SealedLayers,
  reader: BlockReader,
  index: number,
): Promise<number | undefined> {
  let next: number | undefined
  for (const [at, ref] of overlay) {
    if (ref !== undefined && at >= index && (next === undefined || at < next)) next = at
  }
  const limit = Math.min(base.keepChunks, next ?? base.keepChunks)
  if (base.inline !== undefined) return index === 0 && limit > 0 && !overlay.has(0) ? 0 : next
  for (let from = index; from < limit; ) {
    const below = await base.tree.next(from, reader)
    if (below === undefined || below >= limit) break
    if (!overlay.has(below)) return below
    from = below + 1
  }
  return next
}

/** A dirty chunk that stays frozen, and what lies below it. */
export interface ChunkOverLayers {
  readonly chunk: DirtyChunk
  /** How much of it there is, in bytes. */
  readonly length: number
  readonly layers: SealedLayers
}

/** Has `use` work with the whole chunk, its gaps filled from below: until that settles the bytes stay as they are. */
export async function withWholeChunk<T>(
  { chunk, length, layers }: ChunkOverLayers,
  { reader, dirty }: { reader: BlockReader; dirty: DirtyMemory },
  use: (plain: Plain) => Promise<T>,
): Promise<T> {
  const gaps = chunk.valid.gaps(0, length)
  if (gaps.length === 0) return use(Array.from(chunk.bytes(0, length), ({ bytes }) => bytes))
  return dirty.withScratch(length, async (whole) => {
    // All of it for several gaps: each alone would be opened frame by frame, between everything else that is done.
    const { from, to } = gaps.length === 1 ? gaps[0]! : { from: 0, to: length }
    await readSealed(layers, reader, chunk.index, from, whole.subarray(from, to))
    chunk.copyTo(whole, 0)
    return use(whole)
  })
}

function readRef(ref: BlockRef | undefined, reader: BlockReader, at: number, into: Buffer): void | Promise<void> {
  const there = ref === undefined ? 0 : Math.max(0, Math.min(into.length, ref.plainBytes - at))
  into.fill(0, there)
  if (ref !== undefined && there > 0) return reader.read(ref, at, into.subarray(0, there))
}
