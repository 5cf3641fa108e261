/**
 * Keeps what this device stores for its own files below a limit: what was not used for longest is evicted first, block by
 * block, of what is safe on enough other devices. Never what is pinned, what is still being stored, manifests or heads.
 *
 * What is held for others does not count: it is limited where it is lent.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Slices } from '../../concurrency/slices.ts'
import { DfsError, describeError, kindOf } from '../../errors.ts'
import { logger, warn } from '../../log.ts'
import type { DigestSet } from '../../store/digest-set.ts'
import { batchesOf } from './batches.ts'
import { OldestBlocks, type UsedBlock } from './oldest-blocks.ts'
import type { Holds, MembersView } from './parts.ts'
import { type DataBlocks, isIn } from './pinned-blocks.ts'
import { strengthsOf } from './strengths.ts'

const log = logger('replication')

export interface QuotaKeeperOptions {
  /** 0: no limit. */
  readonly quotaBytes: () => number
  readonly replicas: () => number
  readonly store: { list(): AsyncIterable<UsedBlock> }
  readonly holds: Pick<Holds, 'evict' | 'holdersOf' | 'lent' | 'shards'>
  readonly members: MembersView
  /** What the folders' files are made of now. Fails where a folder cannot be read: nothing is evicted then. */
  readonly dataBlocks: (signal: AbortSignal) => Promise<DataBlocks>
  readonly everyMs?: number
}

const EVERY_MS = 60_000
/** After a look at all blocks the same time passes so often before the next. */
const RESTS = 20
/** Room is made ahead, so that not every new block has another one looked for. */
const SHARE_LEFT = 0.95
const OLDEST_MAX = 16_384
const BATCH_BLOCKS = 1024

export class QuotaKeeper implements AsyncDisposable {
  readonly #options: QuotaKeeperOptions
  readonly #stopping = new AbortController()
  readonly #working: Promise<void>
  #woken = new AbortController()

  constructor(options: QuotaKeeperOptions) {
    this.#options = options
    this.#working = this.#runAlways()
  }

  /** Something changed that it goes by: it looks soon. */
  wake(): void {
    this.#woken.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#working
  }

  /** Makes room once, if there has to be; resolves with the bytes that were freed. Fails as what it looks at. */
  async run(signal = this.#stopping.signal): Promise<number> {
    const quota = this.#options.quotaBytes()
    if (quota === 0) return 0
    const over = (await this.#usedBytes()) - quota
    if (over <= 0) return 0
    const wanted = over + quota * (1 - SHARE_LEFT)
    const blocks = await this.#options.dataBlocks(signal)
    let freed = 0
    for (;;) {
      const more = await this.#evictOldest(blocks, wanted - freed, signal)
      freed += more
      if (more === 0 || freed >= wanted) break
    }
    log('%d bytes over the quota, %d freed', over, freed)
    return freed
  }

  /** How many bytes can come before something would have to go for them. */
  async room(): Promise<number> {
    const quota = this.#options.quotaBytes()
    return quota === 0 ? Number.POSITIVE_INFINITY : quota * SHARE_LEFT - (await this.#usedBytes())
  }

  async #runAlways(): Promise<void> {
    const { signal } = this.#stopping
    const { everyMs = EVERY_MS } = this.#options
    for (let pauseMs = everyMs; ; ) {
      const ends = AbortSignal.any([signal, this.#woken.signal])
      await delay(pauseMs, undefined, { signal: ends, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      this.#woken = new AbortController()
      const beganMs = performance.now()
      try {
        await this.run()
      } catch (error) {
        if (kindOf(error) !== 'aborted' && !signal.aborted) warn(`no room is made: ${describeError(error)}`)
      }
      pauseMs = Math.max(everyMs, (performance.now() - beganMs) * RESTS)
    }
  }

  async #usedBytes(): Promise<number> {
    const { store, holds } = this.#options
    let used = 0
    for await (const { bytes } of store.list()) used += bytes
    for (const bytes of (await holds.lent()).values()) used -= bytes
    return used
  }

  /** One look at all blocks: evicts until so much is free, or none of the oldest is left; resolves with what was freed. */
  async #evictOldest(blocks: DataBlocks, wanted: number, signal: AbortSignal): Promise<number> {
    const oldest = await this.#oldest(blocks, signal)
    let freed = 0
    for (let at = 0; at < oldest.length && freed < wanted; ) {
      const batch: UsedBlock[] = []
      for (let bytes = 0; at < oldest.length && batch.length < BATCH_BLOCKS && freed + bytes < wanted; at++) {
        batch.push(oldest[at]!)
        bytes += oldest[at]!.bytes
      }
      freed += await this.#evict(batch, signal)
    }
    return freed
  }

  async #evict(batch: readonly UsedBlock[], signal: AbortSignal): Promise<number> {
    throwIfAborted(signal)
    const outcomes = await this.#options.holds.evict(
      batch.map(({ cid }) => cid),
      signal,
    )
    let freed = 0
    for (const { cid, bytes } of batch) if (outcomes.get(cid) === 'evicted') freed += bytes
    return freed
  }

  async #oldest({ pinned, others }: DataBlocks, signal: AbortSignal): Promise<readonly UsedBlock[]> {
    const { holds, members, replicas } = this.#options
    const found = new OldestBlocks(OLDEST_MAX)
    const slices = new Slices()
    for await (const batch of batchesOf(this.#options.store.list(), { countMax: BATCH_BLOCKS })) {
      throwIfAborted(signal)
      const able = batch.filter(({ cid, usedMs }) => found.mayTake(usedMs) && mayGo(cid, pinned, others))
      const enough = Math.max(1, replicas())
      const cids = able.map(({ cid }) => cid)
      const strengths = await strengthsOf(cids, { holds, members, enough })
      for (const [index, block] of able.entries()) {
        await slices.next()
        if (strengths[index]! >= enough) found.add(block)
      }
    }
    return found.inOrder()
  }
}

function mayGo(cid: UsedBlock['cid'], pinned: DigestSet, others: DigestSet): boolean {
  return isIn(others, cid) && !isIn(pinned, cid)
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new DfsError('aborted', 'stopped', { cause: signal.reason })
}
