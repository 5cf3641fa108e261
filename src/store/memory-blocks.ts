/** A block store in memory: what `BlockFiles` promises, for as long as the process lives. */
import assert from 'node:assert'
import type { BlockHandle, BlockName, BlockStore, Cid } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { Pins, type Sweep, type SweepableStore } from './pins.ts'

export class MemoryBlocks implements BlockStore, SweepableStore {
  readonly #blocks = new Map<Cid, Buffer>()
  readonly #pins = new Pins()
  readonly #distrusted = new Set<Cid>()

  has(cid: Cid): boolean {
    return this.#blocks.has(cid)
  }

  open(cid: Cid): BlockHandle | undefined {
    const block = this.#blocks.get(cid)
    if (block === undefined) return undefined
    return {
      bytes: block.length,
      fd: undefined,
      read: (offset, length) => Buffer.from(block.subarray(offset, offset + length)),
      close: () => {},
    }
  }

  async put(ref: BlockName, bytes: Buffer): Promise<void> {
    assert(bytes.length === ref.sealedBytes, `a block of ${bytes.length} bytes for a reference of ${ref.sealedBytes}`)
    this.#pins.pin(ref.cid)
    const isDistrusted = this.#distrusted.delete(ref.cid)
    if (isDistrusted || !this.#blocks.has(ref.cid)) this.#blocks.set(ref.cid, Buffer.from(bytes))
  }

  temporary(): undefined {
    return undefined
  }

  adopt(): Promise<void> {
    throw new DfsError('unsupported', 'blocks in memory are no files', { op: 'adopt block' })
  }

  pin(cid: Cid): void {
    this.#pins.pin(cid)
  }

  unpin(cid: Cid): void {
    this.#pins.unpin(cid)
  }

  get isSwept(): boolean {
    return this.#pins.isRecording
  }

  distrust(cid: Cid): void {
    this.#distrusted.add(cid)
  }

  async sync(cids: Iterable<Cid> = []): Promise<void> {
    for (const cid of cids) {
      if (!this.#blocks.has(cid)) throw new DfsError('io', 'the block is not here', { op: 'sync block', subject: cid })
    }
  }

  /** Deletes a block unless it is pinned; says whether it was here and is gone. */
  delete(cid: Cid): boolean {
    return !this.#pins.isPinned(cid) && this.#remove(cid) !== undefined
  }

  async *list(): AsyncGenerator<{ cid: Cid; bytes: number }> {
    for (const [cid, block] of this.#blocks) yield { cid, bytes: block.length }
  }

  async usage(): Promise<{ blocks: number; bytes: number }> {
    let bytes = 0
    for (const block of this.#blocks.values()) bytes += block.length
    return { blocks: this.#blocks.size, bytes }
  }

  beginSweep(): Sweep {
    return this.#pins.beginSweep((cid) => this.#remove(cid))
  }

  #remove(cid: Cid): number | undefined {
    const bytes = this.#blocks.get(cid)?.length
    this.#blocks.delete(cid)
    return bytes
  }
}
