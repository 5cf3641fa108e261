/**
 * Where a file's content is: on this device, on others that are bound to hold it, or both. Told by local knowledge alone:
 * nothing is fetched and nobody is asked.
 */
import { Slices } from '../concurrency/slices.ts'
import type { BlockRef, BlockStore, Cid, PlacedFile, Replicas } from '../dfs.ts'
import { kindOf } from '../errors.ts'
import { ManifestTree } from '../seal/manifest-tree.ts'
import { GuardedReader } from './block-reader.ts'
import type { FileContent } from './file-content.ts'
import type { Services } from './services.ts'

export interface LocalPart {
  /** How much of the content can be read without other devices; holes can. */
  readonly localBytes: number
  readonly isWhole: boolean
}

export interface FileState extends LocalPart {
  readonly replicas: Replicas
}

type Parts = Pick<Services, 'reader' | 'store' | 'replicas'>

const NO_REPLICAS: Replicas = { counted: 0, wanted: 0 }

/** `evicted`: not all of it is here. `replicated N/M`: all of it is here, and on N other devices, of which M are wanted. */
export function describeState({ isWhole, replicas: { counted, wanted } }: FileState): string {
  if (!isWhole) return 'evicted'
  return counted > 0 && wanted > 0 ? `replicated ${counted}/${wanted}` : 'local'
}

/** Of a file in its stub. */
export async function stateOfStub(file: PlacedFile, parts: Parts): Promise<FileState> {
  const { content, meta } = file.state
  const tree = ManifestTree.of(content, meta.size)
  const nodes = withoutFetching(parts)
  const data = dataOf(tree.blocks(nodes))
  return { ...(await localPart(meta.size, data, parts)), replicas: await countReplicas(file, parts) }
}

/** Of a file that is known by its inode, and may differ from its stub. */
export function localPartOf(content: FileContent, parts: Parts): Promise<LocalPart> {
  return localPart(content.size, content.dataBlocks(withoutFetching(parts)), parts)
}

/** Of what is in the stub; a content whose nodes are not all here counts for nothing. */
export async function countReplicas(file: PlacedFile, parts: Parts): Promise<Replicas> {
  const { replicas } = parts
  if (replicas === undefined) return NO_REPLICAS
  const tree = ManifestTree.of(file.state.content, file.state.meta.size)
  try {
    return await replicas.count(file, cidsOf(tree.blocks(withoutFetching(parts))))
  } catch (error) {
    if (!isNotHere(error)) throw error
    return { ...(await replicas.count(file, none())), counted: 0 }
  }
}

async function localPart(
  size: number,
  blocks: AsyncIterable<BlockRef>,
  { store }: { store: BlockStore },
): Promise<LocalPart> {
  const slices = new Slices()
  let [here, elsewhere] = [0, 0]
  try {
    for await (const { cid, plainBytes } of blocks) {
      await slices.next()
      if (store.has(cid)) here += plainBytes
      else elsewhere += plainBytes
    }
  } catch (error) {
    if (!isNotHere(error)) throw error
    return { localBytes: Math.min(here, size), isWhole: false }
  }
  return { localBytes: Math.max(0, size - elsewhere), isWhole: elsewhere === 0 }
}

/** A reader of what is here. */
export function withoutFetching({ reader }: Pick<Parts, 'reader'>): GuardedReader {
  return new GuardedReader(reader, () => false)
}

/** A node of the manifest is not on this device: what a reader without leave to fetch, or without a source, fails with. */
export function isNotHere(error: unknown): boolean {
  return kindOf(error) === 'not-permitted' || kindOf(error) === 'unreachable'
}

async function* dataOf(blocks: ReturnType<ManifestTree['blocks']>): AsyncGenerator<BlockRef> {
  for await (const { ref, kind } of blocks) if (kind === 'data') yield ref
}

async function* cidsOf(blocks: ReturnType<ManifestTree['blocks']>): AsyncGenerator<Cid> {
  for await (const { ref } of blocks) yield ref.cid
}

async function* none(): AsyncGenerator<Cid> {}
