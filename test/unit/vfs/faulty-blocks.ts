/** Blocks in memory on a disk that fills up, or that takes its time. */
import type { BlockHandle, BlockRef, BlockStore, Cid } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'

export class FaultyBlocks implements BlockStore {
  readonly real = new MemoryBlocks()
  isFull = false
  /** What every block waits for before it is kept. */
  gate: Promise<void> = Promise.resolve()
  kept: Cid[] = []
  /** Blocks that cannot be made durable. */
  readonly suspect = new Set<Cid>()

  has(cid: Cid): boolean {
    return this.real.has(cid)
  }

  open(cid: Cid): BlockHandle | undefined {
    return this.real.open(cid)
  }

  async put(ref: BlockRef, bytes: Buffer): Promise<void> {
    await this.gate
    if (this.isFull) throw new DfsError('no-space', 'the disk is full')
    await this.real.put(ref, bytes)
    this.kept.push(ref.cid)
  }

  temporary(): undefined {
    return undefined
  }

  adopt(): Promise<void> {
    return this.real.adopt()
  }

  pin(cid: Cid): void {
    this.real.pin(cid)
  }

  unpin(cid: Cid): void {
    this.real.unpin(cid)
  }

  get isSwept(): boolean {
    return this.real.isSwept
  }

  distrust(cid: Cid): void {
    this.real.distrust(cid)
  }

  async sync(cids: Iterable<Cid> = []): Promise<void> {
    const wanted = [...cids]
    if (wanted.some((cid) => this.suspect.has(cid))) throw new DfsError('io', 'the disk did not keep it')
    await this.real.sync(wanted)
  }
}
