/**
 * The part of one chunk that was written and is not yet in a block.
 *
 * `valid` says which bytes count (the rest shows through from below); `uncommitted` which of them no journal record
 * has. While a chunk is frozen (being sealed) its bytes never change: a write then goes to a fork, because a sealing
 * key is derived from the bytes it seals. Its memory goes back when it is dropped and nobody has it frozen.
 *
 * Memory is taken frame by frame, so that a few bytes far apart do not take a chunk's worth. A fork shares it until it
 * is written to.
 */
import assert from 'node:assert/strict'
import { FRAME_BYTES } from '../format/chunk-layout.ts'
import type { DirtyMemory, Piece } from './dirty-memory.ts'
import { RangeSet } from './range-set.ts'

const PAGE_BYTES = 4096
/** What is larger gets a whole frame. */
const GROWING_BYTES_MAX = FRAME_BYTES / 2

/** Memory for a range within one frame. */
interface Part {
  /** Where in the chunk it begins. */
  readonly from: number
  readonly piece: Piece
}

/** Bytes of a range, and where in the chunk they begin. */
export interface DirtyBytes {
  readonly from: number
  readonly bytes: Buffer
}

export class DirtyChunk {
  readonly index: number
  readonly bytesMax: number
  valid = new RangeSet()
  uncommitted = new RangeSet()
  readonly #memory: DirtyMemory
  /** By the number of their frame. */
  readonly #parts = new Map<number, Part>()
  #freezes = 0
  #isDropped = false

  constructor(index: number, bytesMax: number, memory: DirtyMemory) {
    this.index = index
    this.bytesMax = bytesMax
    this.#memory = memory
  }

  /** How many bytes count. */
  get weight(): number {
    return this.valid.bytes
  }

  get isFrozen(): boolean {
    return this.#freezes > 0
  }

  write(at: number, bytes: Buffer): void {
    for (const { frame, from, to } of framesOf(at, at + bytes.length)) {
      const part = this.#reserve(frame, from, to)
      bytes.copy(part.piece.bytes, from - part.from, from - at, to - at)
    }
    this.#note(at, at + bytes.length)
  }

  zero(from: number, to: number): void {
    for (const within of framesOf(from, to)) {
      const part = this.#reserve(within.frame, within.from, within.to)
      part.piece.bytes.fill(0, within.from - part.from, within.to - part.from)
    }
    this.#note(from, to)
  }

  /** The bytes of a range that is valid, piece by piece; good while the chunk is not dropped, or frozen. */
  *bytes(start: number, end: number): Generator<DirtyBytes> {
    for (const { frame, from, to } of framesOf(start, end)) {
      const part = this.#parts.get(frame)
      assert(part !== undefined && covers(part, from, to), 'valid bytes are in memory')
      yield { from, bytes: part.piece.bytes.subarray(from - part.from, to - part.from) }
    }
  }

  /** Copies what is valid of a range as long as `into`; the rest of `into` stays as it is. */
  copyTo(into: Buffer, at: number): void {
    const end = at + into.length
    for (const range of this.valid) {
      if (range.from >= end) break
      for (const { from, bytes } of this.bytes(Math.max(range.from, at), Math.min(range.to, end))) {
        bytes.copy(into, from - at)
      }
    }
  }

  /** The same bytes for a writer, while this one stays as it is. */
  fork(): DirtyChunk {
    const copy = new DirtyChunk(this.index, this.bytesMax, this.#memory)
    for (const [frame, part] of this.#parts) {
      part.piece.hold()
      copy.#parts.set(frame, part)
    }
    copy.valid = this.valid.clone()
    copy.uncommitted = this.uncommitted.clone()
    return copy
  }

  /** From now on, until as many `thaw`, the bytes stay, and stay as they are. */
  freeze(): void {
    assert(!this.#isDropped, 'a chunk that was dropped is not used again')
    this.#freezes++
  }

  thaw(): void {
    assert(this.#freezes > 0, 'as often as frozen')
    this.#freezes--
    this.#giveBack()
  }

  /** The file does not need it any more. */
  drop(): void {
    assert(!this.#isDropped, 'a chunk is dropped once')
    this.#isDropped = true
    this.#giveBack()
  }

  #note(from: number, to: number): void {
    this.valid.add(from, to)
    this.uncommitted.add(from, to)
  }

  #giveBack(): void {
    if (!this.#isDropped || this.isFrozen) return
    for (const { piece } of this.#parts.values()) piece.release()
    this.#parts.clear()
  }

  /** Memory for a range within a frame that nobody else holds, with what was there before. */
  #reserve(frame: number, from: number, to: number): Part {
    assert(!this.#isDropped && !this.isFrozen, 'a chunk that somebody relies on is not written to')
    const before = this.#parts.get(frame)
    if (before === undefined) return this.#place(frame, from, to)
    const isCovered = covers(before, from, to)
    if (isCovered && !before.piece.isShared) return before
    const bytesMin = isCovered ? 0 : 2 * before.piece.bytes.length
    const grown = this.#place(frame, Math.min(from, before.from), Math.max(to, endOf(before)), bytesMin)
    before.piece.bytes.copy(grown.piece.bytes, before.from - grown.from)
    before.piece.release()
    return grown
  }

  /** Most files are small and written at once, and so are edits: they get the pages they need. */
  #place(frame: number, from: number, to: number, bytesMin = 0): Part {
    const start = frame * FRAME_BYTES
    const page = from - (from % PAGE_BYTES)
    const bytes = Math.max(bytesMin, Math.ceil((to - page) / PAGE_BYTES) * PAGE_BYTES)
    const isWhole = bytes > GROWING_BYTES_MAX
    const piece = this.#memory.take(isWhole ? FRAME_BYTES : bytes)
    const part = { from: isWhole ? start : Math.min(page, start + FRAME_BYTES - bytes), piece }
    this.#parts.set(frame, part)
    return part
  }
}

function endOf({ from, piece }: Part): number {
  return from + piece.bytes.length
}

function covers(part: Part, from: number, to: number): boolean {
  return part.from <= from && to <= endOf(part)
}

/** A range, cut where frames end. */
function* framesOf(start: number, end: number): Generator<{ frame: number; from: number; to: number }> {
  for (let from = start; from < end; ) {
    const frame = Math.floor(from / FRAME_BYTES)
    const to = Math.min(end, (frame + 1) * FRAME_BYTES)
    yield { frame, from, to }
    from = to
  }
}
