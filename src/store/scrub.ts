/**
 * Scrub: reads every block file and compares it with its CID, then says which files the damage hits.
 *
 * It changes nothing and reads one block at a time, in slices, so that it may run beside everything else.
 */
import type { Cid, FileReference, OnProgress } from '../dfs.ts'
import { BLOCK_BYTES_MAX } from '../format/block.ts'
import { digestOfCid } from '../format/cid.ts'
import { digestOf } from '../seal/hash.ts'
import type { BlockFiles } from './block-files.ts'
import type { StoredFile } from './block-paths.ts'
import { placeOf } from './block-paths.ts'
import { Pacer } from './pacer.ts'

export interface ScrubOptions {
  signal?: AbortSignal
  /** In blocks; the total is not known. */
  onProgress?: OnProgress
}

export interface ScrubbedBlock {
  readonly cid: Cid
  /** `damaged`: its bytes are not those that the CID names, or cannot be read; `misplaced`: it stands where nobody looks for it. */
  readonly state: 'ok' | 'damaged' | 'misplaced'
}

export interface FileDamage extends FileReference {
  readonly state: 'missing' | 'damaged'
}

/** Checks each block file; foreign files are passed over. Fails with `aborted`, and with `io` if a directory cannot be read. */
export async function* scrub(
  store: BlockFiles,
  { signal, onProgress }: ScrubOptions = {},
): AsyncGenerator<ScrubbedBlock> {
  const pacer = new Pacer(signal)
  let done = 0
  for await (const file of store.stored()) {
    pacer.check()
    if (file.cid === undefined) continue
    const state = await stateOf(store, file, file.cid)
    if (state !== undefined) yield { cid: file.cid, state }
    done++
    if (!pacer.due) continue
    onProgress?.({ done, total: undefined, unit: 'blocks' })
    await pacer.pause()
  }
}

/**
 * The files that missing and damaged blocks hit: one entry for each reference to such a block.
 * `damaged`: the CIDs that `scrub` found damaged. Fails with `aborted`, and as `references` fails.
 */
export async function* findFileDamage(
  store: BlockFiles,
  damaged: ReadonlySet<Cid>,
  references: AsyncIterable<FileReference> | Iterable<FileReference>,
  { signal }: Pick<ScrubOptions, 'signal'> = {},
): AsyncGenerator<FileDamage> {
  const pacer = new Pacer(signal)
  for await (const reference of references) {
    pacer.check()
    if (damaged.has(reference.cid)) yield { ...reference, state: 'damaged' }
    else if (!store.has(reference.cid)) yield { ...reference, state: 'missing' }
    if (pacer.due) await pacer.pause()
  }
}

/** Undefined if the file is gone: it was deleted meanwhile. */
async function stateOf(store: BlockFiles, file: StoredFile, cid: Cid): Promise<ScrubbedBlock['state'] | undefined> {
  if (file.place !== placeOf(cid)) return 'misplaced'
  if (file.bytes > BLOCK_BYTES_MAX) return 'damaged'
  try {
    const bytes = await store.readStored(file)
    if (bytes === undefined) return undefined
    return digestOf(bytes).equals(digestOfCid(cid)) ? 'ok' : 'damaged'
  } catch {
    return 'damaged'
  }
}
