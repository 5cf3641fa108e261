/**
 * Seals chunks and nodes through the pool and puts them into the store; small ones travel in batches.
 *
 * What comes back is pinned: the caller unpins it once the reference stands where a garbage collection sees it.
 */
import type { BlockKind, BlockRef, BlockStore } from '../dfs.ts'
import { lengthOf, type Plain, type SealPool } from '../seal/pool.ts'

interface Waiting {
  plain: Plain
  resolve(ref: BlockRef): void
  reject(error: unknown): void
}

/** What is larger goes alone: a message to a worker costs less than its sealing then. */
const BATCHED_BYTES_MAX = 256 * 1024
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
  async seal(kind: BlockKind, plain: Plain): Promise<BlockRef | undefined> {
    if (kind === 'data' && [plain].flat().every(isZero)) return undefined
    return new Promise((resolve, reject) => {
      const one = { plain, resolve, reject }
      if (lengthOf(plain) > BATCHED_BYTES_MAX) void this.#seal(kind, [one])
      else this.#batch(kind, one)
    })
  }

  unpin(refs: Iterable<BlockRef | undefined>): void {
    for (const ref of refs) if (ref !== undefined) this.#store.unpin(ref.cid)
  }

  #batch(kind: BlockKind, one: Waiting): void {
    const waiting = this.#waiting.get(kind) ?? []
    if (waiting.length === 0) setImmediate(() => this.#send(kind))
    this.#waiting.set(kind, waiting)
    waiting.push(one)
  }

  #send(kind: BlockKind): void {
    const waiting = this.#waiting.get(kind) ?? []
    this.#waiting.set(kind, [])
    let batch: Waiting[] = []
    let bytes = 0
    for (const one of waiting) {
      batch.push(one)
      bytes += lengthOf(one.plain)
      if (bytes < BATCH_BYTES) continue
      void this.#seal(kind, batch)
      batch = []
      bytes = 0
    }
    if (batch.length > 0) void this.#seal(kind, batch)
  }

  /** Never fails: each of them is told. */
  async #seal(kind: BlockKind, batch: Waiting[]): Promise<void> {
    try {
      const keeping = await this.#sealAndKeep(
        kind,
        batch.map(({ plain }) => plain),
      )
      for (const [i, { resolve, reject }] of batch.entries()) keeping[i]!.then(resolve, reject)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  /** One promise for each that is sealed: it resolves when the block is kept. */
  async #sealAndKeep(kind: BlockKind, plains: Plain[]): Promise<Promise<BlockRef>[]> {
    const files = plains.map(() => this.#store.temporary()).filter((file) => file !== undefined)
    if (files.length < plains.length) {
      const blocks = await this.#pool.sealBatch(kind, plains)
      return blocks.map(({ ref, bytes }) => this.#store.put(ref, bytes).then(() => ref))
    }
    const refs = await this.#pool.sealToFiles(kind, plains, files)
    return refs.map((ref, i) => this.#store.adopt(ref, files[i]!).then(() => ref))
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
