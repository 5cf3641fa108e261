/**
 * Taking blocks in for another device, as one request asks: those that are not here are pulled; what is here is made
 * durable, many together, and then promised.
 */
import type { Limiter } from '../../concurrency/limiter.ts'
import { Mutex } from '../../concurrency/mutex.ts'
import type { BlockSource, BlockStore } from '../../dfs.ts'
import { DfsError, kindOf } from '../../errors.ts'
import type { RefusalReason } from '../../format/hold-message.ts'
import { readShardHead, type ShardOf } from '../../format/kept-shards.ts'
import { SHARD_HEAD_BYTES } from '../../format/shard.ts'
import type { Clock } from '../exchange/clock.ts'
import type { HoldDriver } from './driver.ts'
import type { BlockSize } from './hold-service.ts'
import { pullBlock } from './pulling.ts'
import type { DeviceId, Incarnation, Nonce } from './state.ts'

/** Answers do not wait for more than this, or longer. */
const FLUSH_BYTES = 16 * 1024 * 1024
const FLUSH_MS = 1_000
/** After so many blocks in a row that nobody gives, the others are not looked for. */
const MISSES_MAX = 16

export interface TakingParts {
  readonly driver: HoldDriver
  readonly store: Pick<BlockStore, 'has' | 'open' | 'put' | 'pin' | 'unpin' | 'sync' | 'distrust'>
  readonly source: BlockSource
  readonly clock: Clock
}

export interface TakingOptions {
  readonly from: DeviceId
  /** In which the request was said. */
  readonly incarnation: Incarnation
  readonly nonce: Nonce
  /** What is pulled can be of no use to this device itself. */
  readonly isForeign: boolean
  /** False of what was called off meanwhile: it is not promised. */
  readonly isWanted: (block: BlockSize) => boolean
  /** Blocks that are looked for, or wait for what was found to be made durable. */
  readonly pulls: Limiter
  readonly signal: AbortSignal
  /** Each block once: it is promised now, or will not be. */
  readonly onSettled: (block: BlockSize) => void
}

interface Taken {
  readonly block: BlockSize
  readonly wasPulled: boolean
  /** Noted, so that who has lost all else finds it by the block that it is of. */
  readonly shard: ShardOf | undefined
}

export class Taking {
  readonly #parts: TakingParts
  readonly #options: TakingOptions
  readonly #flushing = new Mutex()
  readonly #failed = new Map<RefusalReason, BlockSize[]>()
  #ready: Taken[] = []
  #pulledBytes = 0
  #misses = 0

  constructor(parts: TakingParts, options: TakingOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** Promises what it can; the machine answers that. Gives the others, by why; never fails. */
  async run(blocks: readonly BlockSize[]): Promise<ReadonlyMap<RefusalReason, readonly BlockSize[]>> {
    let callOff = () => {}
    const tick = () => {
      callOff = this.#parts.clock.after(FLUSH_MS, tick)
      void this.#flush()
    }
    callOff = this.#parts.clock.after(FLUSH_MS, tick)
    try {
      await Promise.all(blocks.map((block) => this.#options.pulls.run(() => this.#take(block))))
      await this.#flush()
    } finally {
      callOff()
    }
    return this.#failed
  }

  /** The block stays pinned until it is promised or refused. */
  async #take(block: BlockSize): Promise<void> {
    const { store } = this.#parts
    if (!this.#options.isWanted(block)) return this.#options.onSettled(block)
    store.pin(block.cid)
    try {
      const isHere = store.has(block.cid)
      if (!isHere) await this.#pull(block)
      const shard = readShardHead(this.#headOf(block), block.bytes)
      this.#ready.push({ block, wasPulled: !isHere, shard })
      if (!isHere) this.#pulledBytes += block.bytes
      if (this.#pulledBytes >= FLUSH_BYTES) await this.#flush()
    } catch (error) {
      this.#fail(block, error)
    }
  }

  /** Fails with `unreachable`, `timeout`, `aborted`, and as the store does. */
  async #pull({ cid, bytes }: BlockSize): Promise<void> {
    if (this.#misses >= MISSES_MAX) throw new DfsError('unreachable', 'nobody gives such blocks', { subject: cid })
    try {
      await pullBlock({ cid, bytes }, this.#parts, this.#options.signal)
      this.#misses = 0
      this.#parts.store.unpin(cid)
    } catch (error) {
      this.#misses++
      throw error
    }
  }

  #flush(): Promise<void> {
    return this.#flushing.run(async () => {
      const ready = this.#ready
      this.#ready = []
      this.#pulledBytes = 0
      if (ready.length > 0) await this.#promise(await this.#durable(ready))
    })
  }

  /** Those of the blocks that survive power loss; the others are refused. */
  async #durable(ready: readonly Taken[]): Promise<Taken[]> {
    const { store } = this.#parts
    try {
      await store.sync(ready.map(({ block }) => block.cid))
      return [...ready]
    } catch {
      const durable: Taken[] = []
      for (const taken of ready) if (await this.#isMended(taken.block)) durable.push(taken)
      return durable
    }
  }

  /** Whether the block is durable, pulled anew if what is here is damaged. */
  async #isMended(block: BlockSize): Promise<boolean> {
    const { store } = this.#parts
    try {
      await store.sync([block.cid]).catch(async (error) => {
        if (kindOf(error) !== 'corrupt') throw error
        store.distrust(block.cid)
        await this.#pull(block)
        await store.sync([block.cid])
      })
      return true
    } catch (error) {
      this.#fail(block, error)
      return false
    }
  }

  async #promise(durable: readonly Taken[]): Promise<void> {
    const { from, incarnation, nonce, isForeign, isWanted, onSettled } = this.#options
    const taken = durable.filter(({ block }) => isWanted(block))
    // Nothing is awaited between this look and the promise, so a release comes before the one or after the other.
    const letGo = this.#letGo(durable.filter(({ block }) => !isWanted(block)))
    const input = { kind: 'message', from, incarnation, message: { kind: 'request', nonce } } as const
    const outcomes = await this.#parts.driver.apply(
      taken.map(({ block: { cid, bytes }, wasPulled, shard }) => ({
        cid,
        bytes,
        hasBlock: true,
        isForeign: isForeign && wasPulled,
        shard,
        input,
      })),
    )
    for (const [at, { failed }] of outcomes.entries()) {
      const { block } = taken[at]!
      if (failed !== undefined) this.#fail(block, failed)
      else {
        this.#parts.store.unpin(block.cid)
        onSettled(block)
      }
    }
    await letGo
  }

  /** What was called off. What came for it alone goes, unless somebody else was promised it meanwhile, or uses it. */
  async #letGo(unwanted: readonly Taken[]): Promise<void> {
    const { isForeign, onSettled } = this.#options
    for (const { block } of unwanted) {
      this.#parts.store.unpin(block.cid)
      onSettled(block)
    }
    const idle = unwanted.filter(({ wasPulled }) => isForeign && wasPulled).map(({ block }) => block.cid)
    await this.#parts.driver.command(idle, { kind: 'drop' }, { isNeeded: false })
  }

  /** The first bytes of a block that is here. */
  #headOf({ cid }: BlockSize): Buffer {
    const handle = this.#parts.store.open(cid)
    if (handle === undefined) return Buffer.alloc(0)
    try {
      return handle.read(0, SHARD_HEAD_BYTES)
    } finally {
      handle.close()
    }
  }

  #fail(block: BlockSize, error: unknown): void {
    const reason = reasonOf(error)
    const failed = this.#failed.get(reason) ?? []
    this.#failed.set(reason, failed)
    failed.push(block)
    this.#parts.store.unpin(block.cid)
    this.#options.onSettled(block)
  }
}

function reasonOf(error: unknown): RefusalReason {
  const kind = kindOf(error)
  if (kind === 'unreachable' || kind === 'timeout' || kind === 'corrupt') return 'no-block'
  return kind === 'no-space' || kind === 'over-quota' ? 'no-space' : 'unavailable'
}
