/** `evict`: drops the blocks of files from this device, as far as enough others are bound to hold them. */
import type { BlockRef, Cid, StubState } from '../../dfs.ts'
import { kindOf } from '../../errors.ts'
import type { BlockSize } from '../../net/holds/hold-service.ts'
import { giveUpBallast } from '../../store/ballast.ts'
import type { WalkedStub } from '../../vfs/stub-walk.ts'
import type { EvictResult, Params } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { type Evicted, Evictor } from '../replication/evictor.ts'
import { findDataBlocks, isIn } from '../replication/pinned-blocks.ts'
import { type Context, leaseAll } from './context.ts'
import { forEachPath, type Inside } from './inside-paths.ts'

export async function evict(context: Context, { paths }: Params<'evict'>, call: Call): Promise<EvictResult> {
  const { store, holds } = await context.parts()
  // What is evicted is written down first.
  await giveUpBallast(context.homeDir)
  const service = await context.network()
  service.startIfUseful()
  await service.settled()
  let freed = 0
  const evictor = new Evictor({
    holds,
    has: (cid) => store.has(cid),
    signal: call.signal,
    onFreed: (bytes) => {
      freed += bytes
      call.onProgress({ done: freed, total: undefined, unit: 'bytes' })
    },
  })
  const isPinned = await pinnedBlocks(context, call.signal)
  await forEachPath(context, paths, async (inside) => evictAll(context, inside, { evictor, isPinned, call }))
  return resultOf(await evictor.finish())
}

interface EvictParts {
  readonly evictor: Evictor
  readonly isPinned: (cid: Cid) => boolean
  readonly call: Call
}

async function evictAll(context: Context, { folder, path }: Inside, { evictor, isPinned, call }: EvictParts) {
  const { pins } = (await context.parts()).replication
  const { files } = folder
  // What is in no stub yet cannot be safe elsewhere; with this, as little as possible is left alone for that.
  await folder.checkpoint().catch(ignoreFullDisk)
  for await (const stub of files.list(path)) {
    call.signal.throwIfAborted()
    const state = stateOf(stub)
    if (state === undefined) evictor.leave('unreadable')
    else if (files.isDirty(stub)) evictor.leave('dirty')
    else if (pins.has(state.fileId)) evictor.leave('pinned')
    else await evictor.add(sizesOf(files.dataBlocks(state)), isPinned)
  }
}

/** What could not be stored for it counts as dirty, and the rest is evicted: that makes room. */
function ignoreFullDisk(error: unknown): void {
  if (kindOf(error) !== 'no-space') throw error
}

function stateOf({ load }: WalkedStub): StubState | undefined {
  try {
    return load()
  } catch {
    return undefined
  }
}

/** Whether a pinned file, wherever it is, shares the block. */
async function pinnedBlocks(context: Context, signal: AbortSignal): Promise<(cid: Cid) => boolean> {
  const { folders, replication } = await context.parts()
  if (replication.pins.size === 0) return () => false
  await using leases = await leaseAll(folders, context.home().folders.list())
  const { pinned } = await findDataBlocks(leases.folders, replication.pins, signal)
  return (cid) => isIn(pinned, cid)
}

async function* sizesOf(blocks: AsyncIterable<BlockRef>): AsyncGenerator<BlockSize> {
  for await (const { cid, sealedBytes } of blocks) yield { cid, bytes: sealedBytes }
}

function resultOf({ files, blocks, bytes, kept }: Evicted): EvictResult {
  return { files, blocks, bytes, kept: [...kept].map(([why, files]) => ({ why, files })) }
}
