/**
 * Replaces blocks of the store that are damaged or missing by what other devices give. A block that is damaged stays until
 * the good one is whole and takes its place; what nobody gives stays as it is.
 */
import { Limiter } from '../../concurrency/limiter.ts'
import { runAll } from '../../concurrency/run-all.ts'
import type { BlockName, BlockSource, BlockStore, Cid, OnProgress } from '../../dfs.ts'
import { DfsError, describeError, kindOf } from '../../errors.ts'

export interface RepairOptions {
  readonly store: Pick<BlockStore, 'distrust' | 'put' | 'unpin' | 'sync'>
  readonly source: BlockSource
  readonly signal: AbortSignal
  /** In blocks. */
  readonly onProgress: OnProgress
}

const AT_ONCE = 8
/** So many in a row that nobody gave: whoever is not there for these is not there. */
const MISSES_MAX = 100
/** After these the others would fail alike. */
const FINAL: ReadonlySet<string> = new Set(['no-space', 'over-quota', 'read-only', 'no-permission'])

/** Resolves with why each block that is not mended is not; those that are mended are durable. Fails with `aborted`. */
export async function repairBlocks(blocks: readonly BlockName[], options: RepairOptions): Promise<Map<Cid, string>> {
  const { signal, onProgress } = options
  const failed = new Map<Cid, string>()
  const limiter = new Limiter(AT_ONCE)
  let [done, misses] = [0, 0]
  let final: unknown
  const repairOne = async (block: BlockName) => {
    signal.throwIfAborted()
    try {
      if (final !== undefined) throw final
      await replace(block, options)
      misses = 0
    } catch (error) {
      signal.throwIfAborted()
      misses++
      failed.set(block.cid, describeWithMend(error))
      if (FINAL.has(kindOf(error)) || misses === MISSES_MAX) final ??= error
    }
    onProgress({ done: ++done, total: blocks.length, unit: 'blocks', item: 'repairing' })
  }
  await runAll(blocks, (block) => limiter.run(() => repairOne(block)))
  return failed
}

/** Fails as the source and the store do; what is here is as it was then. */
async function replace(block: BlockName, { store, source, signal }: RepairOptions): Promise<void> {
  const { cid } = block
  const fetching = source.fetch(block, { signal })
  try {
    const bytes = await fetching.block
    store.distrust(cid)
    await store.put(block, bytes)
  } finally {
    fetching.release()
  }
  // The stub that needs it refers to it already.
  store.unpin(cid)
  await store.sync([cid])
}

function describeWithMend(error: unknown): string {
  if (kindOf(error) !== 'unreachable' && kindOf(error) !== 'timeout') return describeError(error)
  const mend = 'connect a device that has it, and repair again'
  return describeError(new DfsError(kindOf(error), 'no device that is reached gives it', { mend }))
}
