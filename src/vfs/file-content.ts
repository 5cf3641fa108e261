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
import { pieces } from './chunk-pieces.ts'
import type { ChunkReader } from './chunk-reader.ts'
import { DirtyChunk } from './dirty-chunk.ts'
import {
  baseOf,
  type ContentBase,
  completeChunk,
  nextSealed,
  readSealed,
  refOf,
  type SealedLayers,
} from './sealed-layers.ts'

/** What a checkpoint makes a new base of. Its dirty chunks are frozen until it is settled. */
export interface ContentSnapshot {
  readonly size: number
  readonly sealed: SealedLayers
  readonly dirty: readonly DirtyChunk[]
}

export type ContentChanges = Pick<CommitRecord, 'content' | 'keepBytes' | 'chunks' | 'patches'>

export class FileContent {
  #size: number
  #base: ContentBase
  readonly #reader: ChunkReader
  readonly #overlay = new Map<number, BlockRef | undefined>()
  readonly #dirty = new Map<number, DirtyChunk>()
  /** Sealed since the last commit. */
  readonly #uncommitted = new Set<number>()
  /** What has replaced the whole content since the last commit. */
  #replaced: Content | undefined
  /** The lowest size since the last commit. */
  #keepBytes: number
  /** Whose overlay was set since the snapshot under way was taken, be it to the same block or to a hole again. */
  readonly #overlaidSinceSnapshot = new Set<number>()
  /** The lowest chunk count since the snapshot under way was taken. */
  #keepChunksSinceSnapshot = Number.POSITIVE_INFINITY
  readonly #meter: { bytes: number }

  /** `meter` counts the bytes in dirty chunks of all files. */
  constructor(content: Content, size: number, { reader, meter }: { reader: ChunkReader; meter: { bytes: number } }) {
    this.#size = size
    this.#keepBytes = size
    this.#reader = reader
    this.#meter = meter
    this.#base = baseOf(content, size)
  }

  get size(): number {
    return this.#size
  }

  /** Whether the base and overlay alone (what is in stub and blocks) say all. */
  get isSealed(): boolean {
    return this.#dirty.size === 0
  }

  /** Fills `into` from `offset` on, which must lie within the file. */
  read(offset: number, into: Buffer): void | Promise<void> {
    return runAll(pieces(offset, into.length), ({ index, at, from, to }) =>
      this.#readPiece(index, at, into.subarray(from, to)),
    )
  }

  /** Opens the chunks of a range ahead of their reader. */
  async prefetch(from: number, to: number): Promise<void> {
    const end = Math.min(to, this.#size)
    for (let index = chunkIndexAt(from); from < end && chunkStart(index) < end; index++) {
      if (this.#dirty.get(index)?.valid.covers(0, this.extent(index)) === true) continue
      const ref = await refOf(this.#sealed(), this.#reader, index)
      if (ref !== undefined) this.#reader.prefetch(ref)
    }
  }

  /** Writes; returns the indices of chunks that are now full. */
  write(offset: number, bytes: Buffer): number[] {
    const full: number[] = []
    // Behind the end there may be dirty zeroes of an earlier cut; between them and here nothing shows through.
    this.#size = Math.max(this.#size, offset + bytes.length)
    for (const { index, at, from, to } of pieces(offset, bytes.length)) {
      const chunk = this.#writable(index)
      const before = chunk.weight
      chunk.write(at, bytes.subarray(from, to))
      this.#meter.bytes += chunk.weight - before
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

  *dirtyChunks(): Generator<DirtyChunk> {
    yield* this.#dirty.values()
  }

  /** The base as the stub has it. */
  get root(): Content {
    return this.#base.tree.content
  }

  get dirtyBytes(): number {
    let sum = 0
    for (const chunk of this.#dirty.values()) sum += chunk.weight
    return sum
  }

  /** Bytes that no journal record and no block has. */
  get uncommittedBytes(): number {
    let sum = 0
    for (const chunk of this.#dirty.values()) sum += chunk.uncommitted.bytes
    return sum
  }

  /** The whole of a frozen chunk, holes and gaps filled from what lies below at this moment. */
  wholeChunk(chunk: DirtyChunk): Promise<Buffer> {
    const { index } = chunk
    const overlay = new Map<number, BlockRef | undefined>()
    if (this.#overlay.has(index)) overlay.set(index, this.#overlay.get(index))
    return completeChunk(chunk, this.extent(index), { base: this.#base, overlay }, this.#reader)
  }

  /** Puts a block in the place of the dirty chunk it was sealed from; false if the chunk has changed since. */
  adoptSealed(chunk: DirtyChunk, ref: BlockRef | undefined): boolean {
    if (this.#dirty.get(chunk.index) !== chunk) return false
    this.#forgetDirty(chunk)
    this.#lay(chunk.index, ref)
    return true
  }

  /** Puts a block (or hole) at a place within the file, as a journal record says. */
  setChunk(index: number, ref: BlockRef | undefined): void {
    const chunk = this.#dirty.get(index)
    if (chunk !== undefined) this.#forgetDirty(chunk)
    this.#lay(index, ref)
    // It may have been sealed before the file was cut within it.
    if (ref !== undefined && ref.plainBytes > this.extent(index)) this.#zero(index, this.extent(index), ref.plainBytes)
  }

  /** Makes a range within the file read as zeroes, of which whole chunks become holes. */
  clear(from: number, to: number): void {
    for (const { index, at, from: start, to: end } of pieces(from, Math.min(to, this.#size) - from)) {
      if (at === 0 && end - start >= this.extent(index)) this.setChunk(index, undefined)
      else this.#zero(index, at, at + end - start)
    }
  }

  /** The block of a chunk, undefined for a hole; `bytes` if the chunk is, in part at least, in no block. */
  blockAt(index: number): 'bytes' | BlockRef | undefined | Promise<BlockRef | undefined> {
    const { inline, keepChunks } = this.#base
    if (this.#dirty.has(index)) return 'bytes'
    if (inline !== undefined && index < keepChunks && !this.#overlay.has(index)) return 'bytes'
    return refOf(this.#sealed(), this.#reader, index)
  }

  /** Index of the first chunk at or behind `index` that is no hole; undefined if there is none. Holes cost nothing. */
  async nextData(index: number): Promise<number | undefined> {
    let dirty = Number.POSITIVE_INFINITY
    for (const at of this.#dirty.keys()) if (at >= index) dirty = Math.min(dirty, at)
    // What is dirty now may be sealed when this is known, but not the other way round.
    const next = Math.min(dirty, (await nextSealed(this.#sealed(), this.#reader, index)) ?? dirty)
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
    const chunks = [...this.#uncommitted].map((index) => ({ index, ref: this.#overlay.get(index) }))
    const patches: Patch[] = []
    for (const chunk of this.#dirty.values()) {
      const extent = this.extent(chunk.index)
      const start = chunkStart(chunk.index)
      for (const { from, to } of chunk.uncommitted) {
        const end = Math.min(to, extent)
        if (from < end) patches.push({ offset: start + from, bytes: chunk.slice(from, end) })
      }
    }
    return { content: this.#replaced, keepBytes: this.#keepBytes, chunks, patches }
  }

  committed(): void {
    this.#replaced = undefined
    this.#uncommitted.clear()
    for (const chunk of this.#dirty.values()) chunk.uncommitted.clear()
    this.#keepBytes = this.#size
  }

  /** The content as it was committed last, for a checkpoint; every snapshot must be settled, one at a time. */
  snapshot(): ContentSnapshot {
    const isCommitted = this.#uncommitted.size === 0 && this.uncommittedBytes === 0 && this.#keepBytes === this.#size
    assert(isCommitted && this.#replaced === undefined, 'a stub never shows more than the journal')
    const dirty = [...this.#dirty.values()]
    for (const chunk of dirty) chunk.frozen++
    this.#keepChunksSinceSnapshot = Number.POSITIVE_INFINITY
    this.#overlaidSinceSnapshot.clear()
    return { size: this.#size, sealed: { base: this.#base, overlay: new Map(this.#overlay) }, dirty }
  }

  /** Ends a snapshot: with what was made of it, or with nothing if that failed. */
  settle(snapshot: ContentSnapshot, made?: Content): void {
    for (const chunk of snapshot.dirty) chunk.frozen--
    if (made === undefined) return
    for (const chunk of snapshot.dirty) if (this.#dirty.get(chunk.index) === chunk) this.#forgetDirty(chunk)
    for (const index of snapshot.sealed.overlay.keys())
      if (!this.#overlaidSinceSnapshot.has(index)) this.#overlay.delete(index)
    const base = baseOf(made, snapshot.size)
    this.#base = { ...base, keepChunks: Math.min(base.keepChunks, this.#keepChunksSinceSnapshot) }
  }

  /** Gives the memory of dirty chunks back; the content is not used after. */
  dispose(): void {
    for (const chunk of this.#dirty.values()) this.#forgetDirty(chunk)
  }

  /** Blocks sealed since the stub was written, as far as they are still needed: no checkpoint has synced them. */
  *sealedSince(): Generator<Cid> {
    for (const ref of this.#overlay.values()) if (ref !== undefined) yield ref.cid
  }

  /** Every block that the content needs, nodes included. */
  async *blocks(): AsyncGenerator<BlockRef> {
    for (const ref of this.#overlay.values()) if (ref !== undefined) yield ref
    for await (const { ref } of this.#base.tree.blocks(this.#reader)) yield ref
  }

  #readPiece(index: number, at: number, into: Buffer): void | Promise<void> {
    const chunk = this.#dirty.get(index)
    if (chunk === undefined) return readSealed(this.#sealed(), this.#reader, index, at, into)
    const end = at + into.length
    const gaps = chunk.valid.gaps(at, end)
    // The dirty bytes are copied now: they belong to this moment, whatever is written while we wait for the rest.
    chunk.slice(at, end).copy(into)
    return runAll(gaps, ({ from, to }) =>
      readSealed(this.#sealed(), this.#reader, index, from, into.subarray(from - at, to - at)),
    )
  }

  #lay(index: number, ref: BlockRef | undefined): void {
    this.#overlay.set(index, ref)
    this.#overlaidSinceSnapshot.add(index)
    this.#uncommitted.add(index)
  }

  #sealed(): SealedLayers {
    return { base: this.#base, overlay: this.#overlay }
  }

  #writable(index: number): DirtyChunk {
    const chunk = this.#dirty.get(index)
    if (chunk !== undefined && chunk.frozen === 0) return chunk
    const fresh = chunk?.fork() ?? new DirtyChunk(index, chunkBytes(index))
    this.#dirty.set(index, fresh)
    return fresh
  }

  #forgetDirty(chunk: DirtyChunk): void {
    this.#dirty.delete(chunk.index)
    this.#meter.bytes -= chunk.weight
  }

  #cut(size: number): void {
    const keep = chunkCount(size)
    this.#keepBytes = Math.min(this.#keepBytes, size)
    this.#keepChunksSinceSnapshot = Math.min(this.#keepChunksSinceSnapshot, keep)
    this.#base = { ...this.#base, keepChunks: Math.min(this.#base.keepChunks, keep) }
    for (const [index, chunk] of this.#dirty) if (index >= keep) this.#forgetDirty(chunk)
    for (const index of this.#overlay.keys()) if (index >= keep) this.#overlay.delete(index)
    for (const index of this.#uncommitted) if (index >= keep) this.#uncommitted.delete(index)
    const start = keep === 0 ? 0 : chunkStart(keep - 1)
    if (keep === 0 || size === start + chunkBytes(keep - 1)) return
    this.#zero(keep - 1, size - start, Math.min(chunkBytes(keep - 1), this.#size - start))
  }

  #zero(index: number, from: number, to: number): void {
    const chunk = this.#writable(index)
    const before = chunk.weight
    chunk.zero(from, to)
    this.#meter.bytes += chunk.weight - before
  }
}
