/** Bringing the whole content of a file to this device. */
import type { BlockRef, StubState } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { ManifestTree } from '../seal/manifest-tree.ts'
import type { Services } from './services.ts'

export interface HydrateOptions {
  readonly signal: AbortSignal
  /** Called when so many more bytes of the content are known to be here. */
  readonly onBytes?: (bytes: number) => void
  /** Waits until so many bytes may be fetched. */
  readonly pace?: (bytes: number) => Promise<void> | undefined
  /** How many are on their way at once, at most. */
  readonly blocksAtOnce?: number
}

/** As many on their way at once as make up for the time that asking takes. */
const BLOCKS_AT_ONCE = 16

/**
 * Fetches what is not here, in the order of the file; resolves, with how many bytes that was as sent, once all of it is here.
 * Fails with `unreachable`, `timeout`, `io`, `aborted`; what has come by then stays.
 */
export async function hydrate(
  { content, meta }: Pick<StubState, 'content' | 'meta'>,
  { reader, store }: Pick<Services, 'reader' | 'store'>,
  { signal, onBytes, pace, blocksAtOnce = BLOCKS_AT_ONCE }: HydrateOptions,
): Promise<number> {
  const coming = new Set<Promise<void>>()
  const failures: unknown[] = []
  let fetched = 0
  const begin = (ref: BlockRef) => {
    const work = reader
      .keep(ref)
      .then(() => {
        fetched += ref.sealedBytes
        onBytes?.(ref.plainBytes)
      })
      .catch((error) => void failures.push(error))
      .finally(() => coming.delete(work))
    coming.add(work)
  }
  try {
    for await (const { ref, kind } of ManifestTree.of(content, meta.size).blocks(reader)) {
      if (signal.aborted) throw new DfsError('aborted', 'stopped', { op: 'hydrate', cause: signal.reason })
      if (failures.length > 0) break
      if (kind === 'node') continue
      if (store.has(ref.cid)) {
        onBytes?.(ref.plainBytes)
        continue
      }
      await pace?.(ref.sealedBytes)
      if (coming.size >= blocksAtOnce) await Promise.race(coming)
      begin(ref)
    }
  } finally {
    await Promise.all(coming)
  }
  if (failures.length > 0) throw failures[0]
  return fetched
}
