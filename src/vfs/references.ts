/**
 * What a folder needs of the block store: its open files, and its stubs and kept versions.
 */
import { textOf } from '../bytes/byte-string.ts'
import type { BlockRef, ByteString, Cid, FileReference, ReferenceSource, StubState } from '../dfs.ts'
import { DfsError, describeError } from '../errors.ts'
import { ManifestTree } from '../seal/manifest-tree.ts'
import { requireMarker } from './marker.ts'
import type { Services } from './services.ts'
import { walkStubs } from './stub-walk.ts'

/** A walk beside which something was renamed is done again; so often, then it gives up. */
const WALKS_MAX = 5

/** In the order in which they must be read: what leaves memory is in a stub by then. */
export function referenceSources(services: Services, path: string, countRenames: () => number): ReferenceSource[] {
  return [
    { name: `open files of ${path}`, references: () => openReferences(services) },
    { name: path, references: () => stubReferences(services, path, countRenames) },
  ]
}

/** Who refers to what, at and below a visible path; stubs that cannot be read are told of and passed over. */
export async function* fileReferences(
  services: Services,
  inside: ByteString,
  { path, onUnreadable }: { path: string; onUnreadable: (at: ByteString, why: string) => void },
): AsyncGenerator<FileReference> {
  for await (const stub of walkStubs(services, inside)) {
    try {
      const state = stub.load()
      const of = { file: `${path}/${textOf(stub.path)}`, fileId: state.fileId }
      for await (const { cid, sealedBytes } of blocksOf(services, state)) yield { cid, sealedBytes, ...of }
    } catch (error) {
      if (!(error instanceof DfsError)) throw error
      onUnreadable(stub.path, describeError(error))
    }
  }
}

async function* openReferences({ table }: Services): AsyncGenerator<Cid> {
  for (const { file } of [...table.values()]) {
    if (file?.content === undefined) continue
    for await (const { cid } of file.content.blocks()) yield cid
  }
}

async function* stubReferences(services: Services, path: string, countRenames: () => number): AsyncGenerator<Cid> {
  for (let walks = 1; walks <= WALKS_MAX; walks++) {
    const renames = countRenames()
    for await (const stub of walkStubs(services)) {
      for await (const { cid } of blocksOf(services, stub.load())) yield cid
    }
    requireMarker(services.tree.rootFd)
    if (countRenames() === renames) return
  }
  throw new DfsError('busy', 'files are being renamed all the time', { subject: path, mend: 'try again later' })
}

async function* blocksOf({ reader }: Services, { content, meta }: StubState): AsyncGenerator<BlockRef> {
  for await (const { ref } of ManifestTree.of(content, meta.size).blocks(reader)) yield ref
}
