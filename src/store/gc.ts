/**
 * Garbage collection: deletes blocks that a complete mark found unreferenced, and an earlier complete mark already
 * had at least a grace period of running time ago.
 *
 * Invariant: no block goes that is referenced or pinned. The sweep records from before the mark begins, so what is
 * put, pinned or published while the mark runs is refused though the mark missed it; what is neither live nor recorded
 * cannot get a reference any more without a pin, and the check of pins and the deletion are one step. Nothing is
 * deleted unless every source was read to its end. Blocks that others keep for this device are let go in the same way,
 * whether they are here or not. A shard is needed as long as the block is that it is of: what others keep of it they
 * keep, and a copy that happens to be here is evicted.
 */
import type { Cid, OnProgress, ReferenceSource } from '../dfs.ts'
import { cidOfDigest, digestOfCid } from '../format/cid.ts'
import { logger } from '../log.ts'
import type { DigestSet } from './digest-set.ts'
import { Candidates, readCandidates, writeCandidates } from './gc-candidates.ts'
import { Pacer } from './pacer.ts'
import type { Sweep, SweepableStore } from './pins.ts'
import { markLive } from './reference-index.ts'
import type { RunningClock } from './running-time.ts'

const log = logger('store')
/** Blocks that others are told of together. */
const RELEASED_AT_ONCE = 1024

export interface CollectOptions {
  store: SweepableStore
  /** Everything that may refer to a block of the store, in the order that `ReferenceSource` asks for. */
  sources: readonly ReferenceSource[]
  /** Remembers, from one collection to the next, what was unreferenced and since when. */
  candidatesFile: string
  clock: RunningClock
  /** 0: delete at once what is unreferenced (for blocks that were never published). */
  gracePeriodMs: number
  /** What others keep for this device. */
  borrowed?: Borrowed
  signal?: AbortSignal
  onProgress?: OnProgress
}

export interface Borrowed {
  /** Blocks that others keep, in no order. */
  borrowed(): AsyncIterable<Cid>
  /** Nothing here needs these any more, and they are not here. */
  release(cids: readonly Cid[]): Promise<void>
  /** The block for whose sake one is kept: itself, but for shards. */
  blockOf(cid: Cid): Cid
  /** Deletes copies that are here of what others keep, where that is safe. */
  evict(cids: readonly Cid[]): Promise<unknown>
}

export interface Collected {
  /** Blocks that something refers to, here or not. */
  readonly live: number
  /** Blocks that are unreferenced and were not deleted yet. */
  readonly candidates: number
  readonly deleted: number
  readonly freedBytes: number
}

/**
 * Runs one collection, in slices; one at a time for each store. Fails as the source that cannot be read, or with
 * `aborted`, `io`: what had been deleted until then was garbage.
 */
export async function collectGarbage(options: CollectOptions): Promise<Collected> {
  const { store, sources, candidatesFile, signal, onProgress } = options
  using sweep = store.beginSweep()
  const pacer = new Pacer(signal)
  const live = await markLive(sources, {
    signal,
    onProgress: (done) => onProgress?.({ done, total: undefined, unit: 'blocks', item: 'looking for what is needed' }),
  })
  const known = await readCandidates(candidatesFile, pacer)
  const strays: Cid[] = []
  const candidates = await findCandidates(options, { live, known, sweep, pacer, strays })
  await writeCandidates(candidatesFile, candidates, pacer)
  const { deleted, freedBytes } = await deleteDue(options, { candidates, sweep, pacer })
  if (strays.length > 0) await options.borrowed?.evict(strays)
  const collected = { live: live.size, candidates: candidates.size, deleted, freedBytes }
  log('collected garbage: %o', collected)
  return collected
}

interface FindContext {
  live: DigestSet
  known: Candidates
  sweep: Sweep
  pacer: Pacer
  /** Shards that are here, while something needs their block: filled. */
  strays: Cid[]
}

/** All unreferenced blocks that are here. */
async function findCandidates(
  options: CollectOptions,
  { live, known, sweep, pacer, strays }: FindContext,
): Promise<Candidates> {
  const candidates = new Candidates()
  const nowMs = options.clock.nowMs()
  for await (const cid of keptBlocks(options)) {
    if (pacer.due) await pacer.pause()
    const digest = digestOfCid(cid)
    if (live.has(digest) || sweep.protects(cid)) continue
    const block = options.borrowed?.blockOf(cid) ?? cid
    if (block !== cid && (live.has(digestOfCid(block)) || sweep.protects(block))) {
      if (options.store.has(cid)) strays.push(cid)
      continue
    }
    // Later than now: the running time was lost and starts anew; then so does the grace period.
    candidates.add(digest, Math.min(known.firstSeenMs(digest) ?? nowMs, nowMs))
  }
  return candidates
}

/** Here, and on other devices for this one. */
async function* keptBlocks({ store, borrowed }: CollectOptions): AsyncGenerator<Cid> {
  for await (const { cid } of store.list()) yield cid
  if (borrowed !== undefined) yield* borrowed.borrowed()
}

interface DeleteContext {
  candidates: Candidates
  sweep: Sweep
  pacer: Pacer
}

/** Deletes the candidates whose grace period is over, and takes them off the list. */
async function deleteDue(options: CollectOptions, { candidates, sweep, pacer }: DeleteContext) {
  const { candidatesFile, clock, gracePeriodMs, borrowed, onProgress } = options
  const dueMs = clock.nowMs() - gracePeriodMs
  let [deleted, freedBytes] = [0, 0]
  let gone: Cid[] = []
  const release = async () => {
    const cids = gone
    gone = []
    await borrowed?.release(cids)
  }
  try {
    for (const { digest, firstSeenMs } of candidates.entries()) {
      if (firstSeenMs > dueMs) continue
      pacer.check()
      const cid = cidOfDigest(digest)
      const block = borrowed?.blockOf(cid) ?? cid
      const isProtected = sweep.protects(cid) || sweep.protects(block)
      if (!isProtected) gone.push(cid)
      const freed = isProtected ? undefined : sweep.delete(cid)
      // Refused, it is no candidate either: somebody came to need it; a later mark tells.
      candidates.delete(digest)
      if (freed !== undefined) deleted++
      freedBytes += freed ?? 0
      if (gone.length === RELEASED_AT_ONCE) await release()
      if (!pacer.due) continue
      onProgress?.({ done: deleted, total: undefined, unit: 'blocks', item: 'deleting' })
      await pacer.pause()
    }
    await release()
  } finally {
    // With a pacer of its own: the caller's one throws once the signal is aborted.
    if (deleted > 0) await writeCandidates(candidatesFile, candidates, new Pacer())
  }
  return { deleted, freedBytes }
}
