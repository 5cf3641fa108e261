/**
 * The content of one file in memory: what its stub says (the base), blocks sealed since (the overlay), and bytes
 * written since (the dirty chunks), each lying over the one before.
 *
 * Invariant: bytes of the base or overlay behind the end of the file are never seen again; a cut in the middle of a
 * chunk leaves dirty zeroes up to where the file ended before.
 */
import assert from 'node:assert/strict'
import { runAll } from '../concurrency/run-all.ts'
import type { BlockRef, Cid, Content } from '../dfs.ts'
import { chunkBytes, chunkCount, chunkIndexAt, chunkStart } from '../format/chunk-layout.ts'
import type { CommitRecord, Patch } from '../format/journal-record.ts'
import type { Plain } from '../seal/pool.ts'
import type { BlockReader } from './block-reader.ts'
import { chunkPieces } from './chunk-pieces.ts'
import type { ChunkReader } from './chunk-reader.ts'
import type { DirtyChunk } from './dirty-chunk.ts'
import { DirtyChunks } from './dirty-chunks.ts'
import type { DirtyMemory } from './dirty-memory.ts'
import { Overlay } from './overlay.ts'
import {
  baseOf,
  type ContentBase,
  nextSealed,
  readSealed,
  refOf,
  type SealedLayers,
  withWholeChunk,
} from './sealed-layers.ts'

/** What a checkpoint makes a new base of. Its dirty chunks are frozen until it is settled. */
export interface ContentSnapshot {
  readonly size: number
  readonly sealed: SealedLayers
  readonly dirty: readonly DirtyChunk[]
}

export type ContentChanges = Pick<CommitRecord, 'content' | 'keepBytes' | 'chunks' | 'patches'>

export interface ContentParts {
  readonly reader: ChunkReader
  /** Where the bytes of dirty chunks lie. */
  readonly dirty: DirtyMemory
}

export class FileContent {
  #size: number
  #base: ContentBase
  readonly #parts: ContentParts
  readonly #reader: ChunkReader
  readonly #overlay = new Overlay()
  readonly #dirty: DirtyChunks
  /** What has replaced the whole content since the last commit. */
  #replaced: Content | undefined
  /** The lowest size since the last commit. */
  #keepBytes: number
  /** The lowest chunk count since the snapshot under way was taken. */
  #keepChunksSinceSnapshot = Number.POSITIVE_INFINITY

  constructor(content: Content, size: number, parts: ContentParts) {
    this.#size = size
    this.#keepBytes = size
    this.#parts = parts
    this.#reader = parts.reader
    this.#dirty = new DirtyChunks(parts.dirty)
    this.#base = baseOf(content, size)
  }

  get size(): number {
    return this.#size
  }

  /** What the stub says, if that is all there is, and in blocks. */
  get stored(): Content | undefined {
    const { inline, keepChunks, tree } = this.#base
    if (inline !== undefined || this.#dirty.byIndex.size > 0 || this.#overlay.refs.size > 0) return undefined
    return [chunkCount(tree.size), chunkCount(this.#size)].every((count) => count === keepChunks)
      ? tree.content
      : undefined
  }

  /** Fills `into` from `offset` on, which must lie within the file. */
  read(offset: number, into: Buffer, reader: BlockReader = this.#reader): void | Promise<void> {
    return runAll(chunkPieces(offset, into.length), ({ index, at, from, to }) =>
      this.#readPiece(index, at, into.subarray(from, to), reader),
    )
  }

  /** Opens the chunks of a range ahead of their reader. */
  async prefetch(from: number, to: number, reader: BlockReader = this.#reader): Promise<void> {
    const end = Math.min(to, this.#size)
    for (let index = chunkIndexAt(from); from < end && chunkStart(index) < end; index++) {
      if (this.#dirty.get(index)?.valid.covers(0, this.extent(index)) === true) continue
      const ref = await refOf(this.#sealed(), reader, index)
      if (ref !== undefined) reader.prefetch(ref)
    }
  }

  /** Writes; returns the indices of chunks that are now full. */
  write(offset: number, bytes: Buffer): number[] {
    const full: number[] = []
    // Behind the end there may be dirty zeroes of an earlier cut; between them and here nothing shows through.
    this.#size = Math.max(this.#size, offset + bytes.length)
    for (const { index, at, from, to } of chunkPieces(offset, bytes.length)) {
      const chunk = this.#dirty.change(index, (dirty) => dirty.write(at, bytes.subarray(from, to)))
      if (chunk.valid.covers(0, chunk.bytesMax)) full.push(index)
    }
    return full
  }

  truncate(size: number): void {
    if (size < this.#size) this.#cut(size)
    this.#size = size
  }

  /** Length of a chunk as the file's size now has it. */
  extent(index: number): number {
    return Math.max(0, Math.min(chunkBytes(index), this.#size - chunkStart(index)))
  }

  dirtyChunk(index: number): DirtyChunk | undefined {
    return this.#dirty.get(index)
  }

  dirtyChunks(): Iterable<DirtyChunk> {
    return this.#dirty.byIndex.values()
  }

  /** Those with bytes that no journal record and no block has. */
  uncommittedChunks(): Iterable<DirtyChunk> {
    return this.#dirty.uncommitted
  }

  /** The base as the stub has it. */
  get root(): Content {
    return this.#base.tree.content
  }

  get dirtyBytes(): number {
    return this.#dirty.bytes
  }

  /** Bytes that are not holes and that the stub does not tell of, those it does tell of and that were replaced among them. */
  get newBytes(): number {
    return this.dirtyBytes + this.#overlay.bytes
  }

  /** Bytes that no journal record and no block has. */
  get uncommittedBytes(): number {
    return this.#dirty.uncommittedBytes
  }

  /** Has `use` work with the whole of a frozen chunk, holes and gaps filled from what lies below at this moment. */
  withWhole<T>(chunk: DirtyChunk, use: (plain: Plain) => Promise<T>): Promise<T> {
    const { index } = chunk
    const { refs } = this.#overlay
    const overlay = new Map(refs.has(index) ? [[index, refs.get(index)]] : [])
    return withWholeChunk(
      { chunk, length: this.extent(index), layers: { base: this.#base, overlay } },
      this.#parts,
      use,
    )
  }

  /** Puts a block in the place of the dirty chunk it was sealed from; false if the chunk has changed since. */
  adoptSealed(chunk: DirtyChunk, ref: BlockRef | undefined): boolean {
    if (this.#dirty.get(chunk.index) !== chunk) return false
    this.#dirty.forget(chunk)
    this.#overlay.lay(chunk.index, ref)
    return true
  }

  /** Puts a block (or hole) at a place within the file, as a journal record says. */
  setChunk(index: number, ref: BlockRef | undefined): void {
    const chunk = this.#dirty.get(index)
    if (chunk !== undefined) this.#dirty.forget(chunk)
    this.#overlay.lay(index, ref)
    // It may have been sealed before the file was cut within it.
    if (ref !== undefined && ref.plainBytes > this.extent(index)) this.#zero(index, this.extent(index), ref.plainBytes)
  }

  /** Makes a range within the file read as zeroes, of which whole chunks become holes. */
  clear(from: number, to: number): void {
    for (const { index, at, from: start, to: end } of chunkPieces(from, Math.min(to, this.#size) - from)) {
      if (at === 0 && end - start >= this.extent(index)) this.setChunk(index, undefined)
      else this.#zero(index, at, at + end - start)
    }
  }

  /** The block of a chunk, undefined for a hole; `bytes` if the chunk is, in part at least, in no block. */
  blockAt(
    index: number,
    reader: BlockReader = this.#reader,
  ): 'bytes' | BlockRef | undefined | Promise<BlockRef | undefined> {
    const { inline, keepChunks } = this.#base
    if (this.#dirty.get(index) !== undefined) return 'bytes'
    if (inline !== undefined && index < keepChunks && !this.#overlay.refs.has(index)) return 'bytes'
    return refOf(this.#sealed(), reader, index)
  }

  /** Index of the first chunk at or behind `index` that is no hole; undefined if there is none. Holes cost nothing. */
  async nextData(index: number, reader: BlockReader = this.#reader): Promise<number | undefined> {
    let dirty = Number.POSITIVE_INFINITY
    for (const at of this.#dirty.byIndex.keys()) if (at >= index) dirty = Math.min(dirty, at)
    // What is dirty now may be sealed when this is known, but not the other way round.
    const next = Math.min(dirty, (await nextSealed(this.#sealed(), reader, index)) ?? dirty)
    return next < chunkCount(this.#size) ? next : undefined
  }

  /** Replaces everything; the size stays as it is now until the next commit. */
  replace(content: Content, size: number): void {
    this.truncate(0)
    this.#base = baseOf(content, size)
    this.#replaced = content
    this.#size = size
    this.#keepBytes = size
  }

  /** What has changed since the last commit, for a journal record. Nothing counts as committed before `committed`. */
  changes(): ContentChanges {
    const { refs, uncommitted } = this.#overlay
    const chunks = [...uncommitted].map((index) => ({ index, ref: refs.get(index) }))
    const patches: Patch[] = []
    for (const chunk of this.#dirty.uncommitted) {
      const extent = this.extent(chunk.index)
      const start = chunkStart(chunk.index)
      for (const { from, to } of chunk.uncommitted) {
        for (const part of chunk.bytes(from, Math.min(to, extent))) {
          patches.push({ offset: start + part.from, bytes: part.bytes })
        }
      }
    }
    return { content: this.#replaced, keepBytes: this.#keepBytes, chunks, patches }
  }

  committed(): void {
    this.#replaced = undefined
    this.#overlay.committed()
    this.#dirty.committed()
    this.#keepBytes = this.#size
  }

  /** The content as it was committed last, for a checkpoint; every snapshot must be settled, one at a time. */
  snapshot(): ContentSnapshot {
    const isCommitted =
      this.#overlay.uncommitted.size === 0 && this.uncommittedBytes === 0 && this.#keepBytes === this.#size
    assert(isCommitted && this.#replaced === undefined, 'a stub never shows more than the journal')
    const dirty = [...this.#dirty.byIndex.values()]
    for (const chunk of dirty) chunk.freeze()
    this.#keepChunksSinceSnapshot = Number.POSITIVE_INFINITY
    return { size: this.#size, sealed: { base: this.#base, overlay: this.#overlay.snapshot() }, dirty }
  }

  /** Ends a snapshot, with what was made of it, or with nothing if that failed; also of a content that was disposed of. */
  settle(snapshot: ContentSnapshot, made?: Content): void {
    for (const chunk of snapshot.dirty) chunk.thaw()
    if (made === undefined) return
    for (const chunk of snapshot.dirty) if (this.#dirty.get(chunk.index) === chunk) this.#dirty.forget(chunk)
    this.#overlay.settle(snapshot.sealed.overlay)
    const base = baseOf(made, snapshot.size)
    this.#base = { ...base, keepChunks: Math.min(base.keepChunks, this.#keepChunksSinceSnapshot) }
  }

  /** Gives the memory of dirty chunks back, of frozen ones when they thaw; the content is not used after. */
  dispose(): void {
    this.#dirty.cut(0)
  }

  /** Blocks sealed since the stub was written, as far as they are still needed: no checkpoint has synced them. */
  *sealedSince(): Generator<Cid> {
    for (const ref of this.#overlay.refs.values()) if (ref !== undefined) yield ref.cid
  }

  /** The blocks that reading all of it opens, nodes aside. */
  async *dataBlocks(reader: BlockReader = this.#reader): AsyncGenerator<BlockRef> {
    const { refs } = this.#overlay
    for (const ref of refs.values()) if (ref !== undefined) yield ref
    for await (const { ref, index } of this.#base.tree.blocks(reader)) {
      if (index !== undefined && index < this.#base.keepChunks && !refs.has(index)) yield ref
    }
  }

  /** Every block that the content needs, nodes included. */
  async *blocks(): AsyncGenerator<BlockRef> {
    for (const ref of this.#overlay.refs.values()) if (ref !== undefined) yield ref
    for await (const { ref } of this.#base.tree.blocks(this.#reader)) yield ref
  }

  #readPiece(index: number, at: number, into: Buffer, reader: BlockReader): void | Promise<void> {
    const chunk = this.#dirty.get(index)
    if (chunk === undefined) return readSealed(this.#sealed(), reader, index, at, into)
    const end = at + into.length
    const gaps = chunk.valid.gaps(at, end)
    // The dirty bytes are copied now: they belong to this moment, whatever is written while we wait for the rest.
    chunk.copyTo(into, at)
    return runAll(gaps, ({ from, to }) =>
      readSealed(this.#sealed(), reader, index, from, into.subarray(from - at, to - at)),
    )
  }

  #sealed(): SealedLayers {
    return { base: this.#base, overlay: this.#overlay.refs }
  }

  #cut(size: number): void {
    const keep = chunkCount(size)
    this.#keepBytes = Math.min(this.#keepBytes, size)
    this.#keepChunksSinceSnapshot = Math.min(this.#keepChunksSinceSnapshot, keep)
    this.#base = { ...this.#base, keepChunks: Math.min(this.#base.keepChunks, keep) }
    this.#dirty.cut(keep)
    this.#overlay.cut(keep)
    const start = keep === 0 ? 0 : chunkStart(keep - 1)
    if (keep === 0 || size === start + chunkBytes(keep - 1)) return
    this.#zero(keep - 1, size - start, Math.min(chunkBytes(keep - 1), this.#size - start))
  }

  #zero(index: number, from: number, to: number): void {
    this.#dirty.change(index, (chunk) => chunk.zero(from, to))
  }
}
