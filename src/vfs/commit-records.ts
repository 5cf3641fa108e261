/** How one commit becomes journal records: mostly one, which a crash leaves whole or not at all. */
import type { ContentChanges } from './file-content.ts'

/** One record has room for so many chunks beside its patches. */
const RECORD_CHUNKS_MAX = 262_144

/** The same changes in several steps, if they are too many for one: cut and replaced first, patched last. */
export function* inRecords(changes: ContentChanges, size: number): Generator<ContentChanges> {
  const { patches, chunks } = changes
  let { keepBytes, content } = changes
  let from = 0
  for (; chunks.length - from > RECORD_CHUNKS_MAX; from += RECORD_CHUNKS_MAX) {
    yield { content, keepBytes, chunks: chunks.slice(from, from + RECORD_CHUNKS_MAX), patches: [] }
    keepBytes = size
    content = undefined
  }
  yield { content, keepBytes, chunks: from === 0 ? chunks : chunks.slice(from), patches }
}
