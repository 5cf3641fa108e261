/** Where a file has data and where it has holes, to the chunk. Holes cost nothing, however long they are. */
import { Slices } from '../concurrency/slices.ts'
import { whenReady } from '../concurrency/when-ready.ts'
import { DfsError } from '../errors.ts'
import { chunkBytes, chunkIndexAt, chunkStart } from '../format/chunk-layout.ts'
import type { BlockReader } from './block-reader.ts'
import type { FileContent } from './file-content.ts'

/** So many chunks are looked at one by one before all that have changed are: mostly the next data is near. */
const PROBES = 64

/** Where data (or a hole; the end of the file is one) begins at or behind an offset. Fails with `past-end`. */
export async function seekContent(
  content: FileContent,
  offset: number,
  what: 'data' | 'hole',
  reader?: BlockReader,
): Promise<number> {
  if (offset >= content.size) throw pastEnd()
  let index = chunkIndexAt(offset)
  if (what === 'data') {
    const next = await nextData(content, index, reader)
    if (next === undefined) throw pastEnd()
    return Math.max(offset, chunkStart(next))
  }
  const slices = new Slices()
  while (chunkStart(index) < content.size && (await hasData(content, index, reader))) {
    index++
    await slices.next()
  }
  return Math.min(content.size, Math.max(offset, chunkStart(index)))
}

/** A part of a file that lies in one chunk. */
export interface DataRange {
  readonly from: number
  readonly to: number
}

/** The parts of a range, chunk by chunk, that are no holes. */
export async function dataWithin(content: FileContent, from: number, to: number): Promise<DataRange[]> {
  const end = Math.min(to, content.size)
  const found: DataRange[] = []
  if (from >= end) return found
  const slices = new Slices()
  for (let index = await nextData(content, chunkIndexAt(from)); index !== undefined; ) {
    const start = chunkStart(index)
    if (start >= end) break
    found.push({ from: Math.max(from, start), to: Math.min(end, start + chunkBytes(index)) })
    await slices.next()
    index = await nextData(content, index + 1)
  }
  return found
}

async function nextData(content: FileContent, from: number, reader?: BlockReader): Promise<number | undefined> {
  let index = from
  for (; index < from + PROBES && chunkStart(index) < content.size; index++) {
    if (await hasData(content, index, reader)) return index
  }
  return content.nextData(index, reader)
}

function hasData(content: FileContent, index: number, reader?: BlockReader): boolean | Promise<boolean> {
  return whenReady(content.blockAt(index, reader), (block) => block !== undefined)
}

function pastEnd(): DfsError {
  return new DfsError('past-end', 'there is nothing behind this offset', { op: 'seek' })
}
