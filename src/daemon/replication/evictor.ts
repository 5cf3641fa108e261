/**
 * Drops files' blocks from this device, and counts what became of them: file by file, of which the blocks of many go together.
 * Nodes of manifests stay, and so does what is not safe on enough other devices.
 */
import type { Cid } from '../../dfs.ts'
import type { BlockSize, EvictOutcome } from '../../net/holds/hold-service.ts'
import type { Holds } from './parts.ts'

export interface EvictorOptions {
  readonly holds: Pick<Holds, 'evict'>
  readonly has: (cid: Cid) => boolean
  readonly signal: AbortSignal
  readonly onFreed?: (bytes: number) => void
}

/** Why something of a file stays. */
export type Kept = 'pinned' | 'dirty' | 'unreadable' | Exclude<EvictOutcome, 'evicted'>

export interface Evicted {
  /** Of which something was here, and is no more. */
  readonly files: number
  readonly blocks: number
  readonly bytes: number
  /** Files of which something stays, by the reason; of several the one that came last. */
  readonly kept: ReadonlyMap<Kept, number>
}

const BATCH_BLOCKS = 1024

interface EvictedFile {
  /** Blocks whose outcome is not known. */
  waiting: number
  kept: Kept | undefined
  hadBlocks: boolean
}

export class Evictor {
  readonly #options: EvictorOptions
  readonly #sum = { files: 0, blocks: 0, bytes: 0, kept: new Map<Kept, number>() }
  /** To be evicted together, with who waits for it. */
  readonly #batch = new Map<Cid, { readonly bytes: number; readonly files: EvictedFile[] }>()

  constructor(options: EvictorOptions) {
    this.#options = options
  }

  /** Evicts a file's data blocks, with others of which the turn has come. Fails with `aborted`, and as the holds do. */
  async add(blocks: AsyncIterable<BlockSize>, isKept: (cid: Cid) => boolean): Promise<void> {
    // Counted as one that waits until all of its blocks are known.
    const file: EvictedFile = { waiting: 1, kept: undefined, hadBlocks: false }
    const onUnreadable = () => {
      file.kept = 'unreadable'
    }
    for await (const { cid, bytes } of untilFailure(blocks, onUnreadable)) {
      if (!this.#options.has(cid)) continue
      if (isKept(cid)) file.kept = 'pinned'
      else this.#enter(file, cid, bytes)
      if (this.#batch.size >= BATCH_BLOCKS) await this.#flush()
    }
    this.#settle(file, undefined)
  }

  /** A file that is left alone. */
  leave(why: Kept): void {
    this.#settle({ waiting: 1, kept: why, hadBlocks: true }, why)
  }

  /** Evicts the rest; the sum of all. */
  async finish(): Promise<Evicted> {
    await this.#flush()
    return this.#sum
  }

  #enter(file: EvictedFile, cid: Cid, bytes: number): void {
    const entered = this.#batch.get(cid)
    if (entered?.files.includes(file)) return
    file.waiting++
    file.hadBlocks = true
    if (entered === undefined) this.#batch.set(cid, { bytes, files: [file] })
    else entered.files.push(file)
  }

  async #flush(): Promise<void> {
    const { holds, signal, onFreed } = this.#options
    const batch = new Map(this.#batch)
    this.#batch.clear()
    signal.throwIfAborted()
    if (batch.size === 0) return
    const outcomes = await holds.evict([...batch.keys()], signal)
    for (const [cid, { bytes, files }] of batch) {
      const outcome = outcomes.get(cid) ?? 'unreachable'
      if (outcome === 'evicted') {
        this.#sum.blocks++
        this.#sum.bytes += bytes
        onFreed?.(bytes)
      }
      // Gone meanwhile is gone.
      const kept = outcome === 'evicted' || outcome === 'no-block' ? undefined : outcome
      for (const file of files) this.#settle(file, kept)
    }
  }

  #settle(file: EvictedFile, kept: Kept | undefined): void {
    file.waiting--
    file.kept = kept ?? file.kept
    if (file.waiting > 0) return
    if (file.kept === undefined) this.#sum.files += Number(file.hadBlocks)
    else this.#sum.kept.set(file.kept, (this.#sum.kept.get(file.kept) ?? 0) + 1)
  }
}

async function* untilFailure<T>(items: AsyncIterable<T>, onFailure: () => void): AsyncGenerator<T> {
  try {
    yield* items
  } catch {
    onFailure()
  }
}
