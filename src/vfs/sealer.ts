/**
 * Seals chunks and nodes through the pool and puts them into the store; small ones travel in batches.
 *
 * What comes back is pinned: the caller unpins it once the reference stands where a garbage collection sees it.
 */
import type { BlockKind, BlockRef, BlockStore, SealedBlock } from '../dfs.ts'
import type { SealPool } from '../seal/pool.ts'

interface Waiting {
  plain: Buffer
  resolve(block: SealedBlock): void
  reject(error: unknown): void
}

const BATCHED_BYTES_MAX = 64 * 1024
const BATCH_BYTES = 512 * 1024

export class Sealer {
  readonly #pool: SealPool
  readonly #store: BlockStore
  readonly #waiting = new Map<BlockKind, Waiting[]>()

  constructor({ pool, store }: { pool: SealPool; store: BlockStore }) {
    this.#pool = pool
    this.#store = store
  }

  /**
   * Seals and keeps one chunk or node; undefined for a chunk of zeroes only, which is a hole.
   * `plain` must not change until this resolves. Fails with `no-space`, `io`.
   */
  async seal(kind: BlockKind, plain: Buffer): Promise<BlockRef | undefined> {
    if (kind === 'data' && isZero(plain)) return undefined
    const { ref, bytes } =
      plain.length > BATCHED_BYTES_MAX ? await this.#pool.seal(kind, plain) : await this.#batch(kind, plain)
    await this.#store.put(ref, bytes)
    return ref
  }

  unpin(refs: Iterable<BlockRef | undefined>): void {
    for (const ref of refs) if (ref !== undefined) this.#store.unpin(ref.cid)
  }

  #batch(kind: BlockKind, plain: Buffer): Promise<SealedBlock> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(kind) ?? []
      if (waiting.length === 0) setImmediate(() => this.#send(kind))
      this.#waiting.set(kind, waiting)
      waiting.push({ plain, resolve, reject })
    })
  }

  #send(kind: BlockKind): void {
    const waiting = this.#waiting.get(kind) ?? []
    this.#waiting.set(kind, [])
    let batch: Waiting[] = []
    let bytes = 0
    for (const one of waiting) {
      batch.push(one)
      bytes += one.plain.length
      if (bytes < BATCH_BYTES) continue
      void this.#sealBatch(kind, batch)
      batch = []
      bytes = 0
    }
    if (batch.length > 0) void this.#sealBatch(kind, batch)
  }

  async #sealBatch(kind: BlockKind, batch: Waiting[]): Promise<void> {
    try {
      const blocks = await this.#pool.sealBatch(
        kind,
        batch.map(({ plain }) => plain),
      )
      for (const [i, { resolve }] of batch.entries()) resolve(blocks[i]!)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}

const ZEROES = Buffer.alloc(64 * 1024)

function isZero(bytes: Buffer): boolean {
  if (bytes[0] !== 0 || bytes[bytes.length - 1] !== 0) return false
  for (let at = 0; at < bytes.length; at += ZEROES.length) {
    const part = bytes.subarray(at, at + ZEROES.length)
    if (!part.equals(ZEROES.subarray(0, part.length))) return false
  }
  return true
}
