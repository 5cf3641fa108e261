/** Getting a block that was promised, from whoever has it. */
import type { BlockSource, BlockStore } from '../../dfs.ts'
import type { BlockSize } from './hold-service.ts'

export interface PullingParts {
  readonly store: Pick<BlockStore, 'put'>
  readonly source: BlockSource
}

/**
 * Fetches the block and keeps it, in the place of a damaged one that the store distrusts. It is pinned once more then, and
 * not durable yet. Fails with `unreachable`, `timeout`, `aborted`, and as the store does.
 */
export async function pullBlock(
  { cid, bytes }: BlockSize,
  { store, source }: PullingParts,
  signal: AbortSignal,
): Promise<void> {
  const ref = { cid, sealedBytes: bytes }
  const fetching = source.fetch(ref, { signal })
  try {
    await store.put(ref, await fetching.block)
  } finally {
    fetching.release()
  }
}
