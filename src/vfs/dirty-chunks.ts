/** The dirty chunks of one file: at most one of each index, and what they hold together. */
import { chunkBytes } from '../format/chunk-layout.ts'
import { DirtyChunk } from './dirty-chunk.ts'
import type { DirtyMemory } from './dirty-memory.ts'

export class DirtyChunks {
  readonly #memory: DirtyMemory
  readonly #chunks = new Map<number, DirtyChunk>()
  /** Those with bytes that no journal record has: each commit looks at them, and at no others. */
  readonly #fresh = new Set<DirtyChunk>()
  #bytes = 0

  constructor(memory: DirtyMemory) {
    this.#memory = memory
  }

  get(index: number): DirtyChunk | undefined {
    return this.#chunks.get(index)
  }

  get byIndex(): ReadonlyMap<number, DirtyChunk> {
    return this.#chunks
  }

  /** Those with bytes that no journal record has. */
  get uncommitted(): ReadonlySet<DirtyChunk> {
    return this.#fresh
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes that no journal record has. */
  get uncommittedBytes(): number {
    let sum = 0
    for (const chunk of this.#fresh) sum += chunk.uncommitted.bytes
    return sum
  }

  /** Changes the chunk of an index, or a fork of it if it is frozen; an empty one if there is none. */
  change(index: number, change: (chunk: DirtyChunk) => void): DirtyChunk {
    const chunk = this.#writable(index)
    const before = chunk.weight
    change(chunk)
    this.#bytes += chunk.weight - before
    this.#fresh.add(chunk)
    return chunk
  }

  committed(): void {
    for (const chunk of this.#fresh) chunk.uncommitted.clear()
    this.#fresh.clear()
  }

  /** Lets go of a chunk that is one of these still; of its memory once it thaws. */
  forget(chunk: DirtyChunk): void {
    this.#chunks.delete(chunk.index)
    this.#fresh.delete(chunk)
    this.#bytes -= chunk.weight
    chunk.drop()
  }

  /** Lets go of all from this index on. */
  cut(keep: number): void {
    for (const [index, chunk] of this.#chunks) if (index >= keep) this.forget(chunk)
  }

  #writable(index: number): DirtyChunk {
    const chunk = this.#chunks.get(index)
    if (chunk?.isFrozen === false) return chunk
    const fresh = chunk?.fork() ?? new DirtyChunk(index, chunkBytes(index), this.#memory)
    if (chunk !== undefined) this.forget(chunk)
    this.#chunks.set(index, fresh)
    this.#bytes += fresh.weight
    return fresh
  }
}
