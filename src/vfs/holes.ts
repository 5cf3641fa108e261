/** Where a file has data and where it has holes, to the chunk. */
import { DfsError } from '../errors.ts'
import { chunkIndexAt, chunkStart } from '../format/chunk-layout.ts'
import type { BlockReader } from './block-reader.ts'
import type { FileContent } from './file-content.ts'

/** Where data (or a hole; the end of the file is one) begins at or behind an offset. Fails with `past-end`. */
export async function seekContent(
  content: FileContent,
  offset: number,
  what: 'data' | 'hole',
  reader?: BlockReader,
): Promise<number> {
  if (offset >= content.size) throw pastEnd()
  for (let index = chunkIndexAt(offset); chunkStart(index) < content.size; index++) {
    const block = content.blockAt(index, reader)
    const isData = (block instanceof Promise ? await block : block) !== undefined
    if (isData === (what === 'data')) return Math.max(offset, chunkStart(index))
  }
  if (what === 'data') throw pastEnd()
  return content.size
}

function pastEnd(): DfsError {
  return new DfsError('past-end', 'there is nothing behind this offset', { op: 'seek' })
}
