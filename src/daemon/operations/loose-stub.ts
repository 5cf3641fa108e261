/** Reads a stub that lies outside any folder (moved, mailed, restored from a backup): it needs only its blocks. */
import { open } from 'node:fs/promises'
import path from 'node:path'
import type { StubState } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { chunkBytes, chunkCount, chunkStart } from '../../format/chunk-layout.ts'
import { STUB_BYTES_MAX } from '../../format/stub.ts'
import { stubKind } from '../../format/stub-line.ts'
import { fromNodeError } from '../../posix/errno.ts'
import { ManifestTree } from '../../seal/manifest-tree.ts'
import { openStub } from '../../seal/stub-slot.ts'
import { ChunkReader } from '../../vfs/chunk-reader.ts'
import type { Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import type { Parts } from './context.ts'

/** Chunks are read one after the other: nothing is kept for another reader. */
const CACHE_BYTES = 4 * 1024 * 1024

export async function readLooseStub(
  { store, pool, keys, network, source }: Parts,
  file: string,
  call: Call,
): Promise<Results['read']> {
  const bytes = await readHead(file)
  if (stubKind(bytes) === 'plain') {
    throw new DfsError('invalid', 'is not a stub, and in no folder of dfs', {
      op: 'read',
      subject: file,
      mend: 'name a NAME.f',
    })
  }
  const { meta, content } = openStub(bytes, keys).state
  network.startIfUseful()
  using reader = new ChunkReader({ store, pool, source, cacheBytesMax: CACHE_BYTES })
  for await (const piece of pieces({ meta, content }, reader)) await call.sendBytes(piece)
  const mtimeMs = Number(meta.mtimeNs / 1000n) / 1000
  return { name: path.basename(file).replace(/\.f$/, ''), size: meta.size, mode: meta.mode & 0o777, mtimeMs }
}

async function readHead(file: string): Promise<Buffer> {
  try {
    await using handle = await open(file, 'r')
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(STUB_BYTES_MAX), 0, STUB_BYTES_MAX, 0)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    throw fromNodeError(error, 'read', file)
  }
}

async function* pieces(
  { meta, content }: Pick<StubState, 'meta' | 'content'>,
  reader: ChunkReader,
): AsyncGenerator<Buffer> {
  if (content.kind === 'inline') {
    yield content.bytes
    return
  }
  const tree = ManifestTree.of(content, meta.size)
  for (let index = 0; index < chunkCount(meta.size); index++) {
    const piece = Buffer.alloc(Math.min(chunkBytes(index), meta.size - chunkStart(index)))
    const ref = await tree.get(index, reader)
    if (ref !== undefined) await reader.read(ref, 0, piece.subarray(0, Math.min(ref.plainBytes, piece.length)))
    yield piece
  }
}
