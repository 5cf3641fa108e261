/**
 * Which blocks are needed: the mark of a garbage collection, read anew from the truth each time.
 *
 * A mark is complete or it is nothing: a source that cannot be read to its end is never taken for one
 * that refers to nothing.
 */
import type { ReferenceSource } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { digestOfCid } from '../format/cid.ts'
import { DigestSet } from './digest-set.ts'
import { Pacer } from './pacer.ts'

export interface MarkOptions {
  signal?: AbortSignal | undefined
  /** Called once a slice with the number of distinct blocks found so far. */
  onProgress?: ((live: number) => void) | undefined
}

/** The digests of all blocks that any source refers to. Fails as the first source that fails, and with `aborted`. */
export async function markLive(
  sources: readonly ReferenceSource[],
  { signal, onProgress }: MarkOptions = {},
): Promise<DigestSet> {
  const live = new DigestSet()
  const pacer = new Pacer(signal)
  for (const source of sources) {
    pacer.check()
    try {
      for await (const cid of source.references()) {
        live.add(digestOfCid(cid))
        if (!pacer.due) continue
        onProgress?.(live.size)
        await pacer.pause()
      }
    } catch (error) {
      throw markError(source, error)
    }
  }
  return live
}

function markError(source: ReferenceSource, cause: unknown): DfsError {
  if (kindOf(cause) === 'aborted') return cause as DfsError
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new DfsError(kindOf(cause), `cannot tell which blocks are needed by ${source.name}: ${reason}`, {
    op: 'collect garbage',
    subject: source.name,
    mend: 'nothing was deleted; make it readable, or unregister it, and collect again',
    cause,
  })
}
