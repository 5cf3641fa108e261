/**
 * Copying between files of dfs without copying bytes: a file that was not changed since its stub was written is taken over as a
 * whole, however long it is. Else chunks that are in blocks, and lie alike in both files, are referred to from the other
 * file too, and what is not is copied, one chunk at a time.
 */
import { Slices } from '../concurrency/slices.ts'
import type { BlockRef, BlockStore, Content } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { chunkBytes, chunkIndexAt, chunkStart } from '../format/chunk-layout.ts'
import type { BlockReader } from './block-reader.ts'
import type { Committer } from './committer.ts'
import type { FileContent } from './file-content.ts'
import type { StubFile } from './stub-file.ts'

/** So many chunks are copied in one go: holes can be longer than anybody has time for. */
const STEPS_MAX = 65_536
const NOTHING: Content = { kind: 'inline', bytes: Buffer.alloc(0) }

export interface CopyRange {
  readonly from: FileContent
  /** What the source is read by: one that fetches nothing. */
  readonly reader: BlockReader
  readonly fromOffset: number
  readonly to: FileContent
  readonly toOffset: number
  readonly length: number
}

/** How a range begins: with a chunk that can be shared, or with bytes that must be copied. */
interface Shared {
  readonly ref: BlockRef | undefined
  readonly length: number
}

type Step = Shared | { readonly copy: true; readonly length: number }

/**
 * Makes an empty file the same as a source, in no more time for a long one, and commits it; false if the range is not all of a
 * source that has nothing but its stub. No block is looked at: those that a stub names are durable, or on other devices
 * for the copy as well. Fails as committing fails; the file is empty then.
 */
export function copyWhole(
  { store, committer }: { store: BlockStore; committer: Committer },
  { source, target }: { source: StubFile; target: StubFile },
  { from, fromOffset, to, toOffset, length }: CopyRange,
): boolean {
  const isWhole = fromOffset === 0 && toOffset === 0 && length >= from.size && to.size === 0
  // A collection that looked at the target before would not know of its blocks: then each of them is pinned.
  if (!isWhole || from.stored === undefined || store.isSwept) return false
  // What replaces all must be in a record before it is cut, and not under a checkpoint that began before.
  if (target.orphan || target.checkpointing) return false
  to.replace(from.stored, from.size)
  try {
    committer.commit(target)
  } catch (error) {
    to.replace(NOTHING, 0)
    throw error
  }
  target.allocatedBytes = source.allocatedBytes
  return true
}

/**
 * Copies the first part of a range: as much as goes by reference, or else one chunk's bytes through `write`, which
 * writes into the target. Resolves to how many bytes that was: 0 only at the end of the source. Fails with
 * `cross-device` if the range begins with what is on other devices.
 */
export async function copyContent(
  store: BlockStore,
  range: CopyRange,
  write: (offset: number, bytes: Buffer) => void,
): Promise<number> {
  const { from, reader, to, fromOffset, toOffset } = range
  const length = Math.min(range.length, from.size - fromOffset)
  const slices = new Slices()
  let done = 0
  try {
    for (let steps = 0; done < length && steps < STEPS_MAX; steps++) {
      await slices.next()
      const rest = { from, reader, to, fromOffset: fromOffset + done, toOffset: toOffset + done, length: length - done }
      const step = await nextStep(rest)
      if ('copy' in step || !share(store, to, rest.toOffset, step)) {
        // What goes by reference is answered first; the rest is asked for again.
        return done > 0 ? done : await copyBytes(rest, step, write)
      }
      done += step.length
    }
  } catch (error) {
    if (kindOf(error) !== 'not-permitted') throw error
    if (done === 0) throw new DfsError('cross-device', 'what is elsewhere is to be read', { op: 'copy', cause: error })
  }
  return done
}

async function nextStep({ from, reader, to, fromOffset, toOffset, length }: CopyRange): Promise<Step> {
  const index = chunkIndexAt(fromOffset)
  const toIndex = chunkIndexAt(toOffset)
  const whole = chunkBytes(index)
  const inChunk = Math.min(length, chunkStart(index) + whole - fromOffset)
  const isAlike = chunkStart(index) === fromOffset && chunkStart(toIndex) === toOffset && whole === chunkBytes(toIndex)
  // The source's last chunk, cut off by its end, can stand only at the target's end.
  const isWhole = inChunk === whole || (fromOffset + inChunk === from.size && toOffset + inChunk >= to.size)
  if (!isAlike || !isWhole) return { copy: true, length: inChunk }
  const found = from.blockAt(index, reader)
  const block = found instanceof Promise ? await found : found
  return block === 'bytes' ? { copy: true, length: inChunk } : { ref: block, length: inChunk }
}

/** Refers to a block from the target too; false if it is not on this device, so that it could not be made durable. */
function share(store: BlockStore, to: FileContent, toOffset: number, { ref, length }: Shared): boolean {
  // Pinned until the target refers to it: a collection that looked at the target before would not know.
  if (ref !== undefined) store.pin(ref.cid)
  try {
    if (ref !== undefined && !store.has(ref.cid)) return false
    if (to.size < toOffset + length) to.truncate(toOffset + length)
    const index = chunkIndexAt(toOffset)
    if (ref !== undefined || to.blockAt(index) !== undefined) to.setChunk(index, ref)
    return true
  } finally {
    if (ref !== undefined) store.unpin(ref.cid)
  }
}

async function copyBytes(
  { from, reader, fromOffset, toOffset }: CopyRange,
  { length }: Step,
  write: (offset: number, bytes: Buffer) => void,
): Promise<number> {
  const bytes = Buffer.allocUnsafe(length)
  await from.read(fromOffset, bytes, reader)
  write(toOffset, bytes)
  return length
}
