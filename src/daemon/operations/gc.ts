/**
 * `gc`: lets old versions go, then deletes blocks that nothing needs any more, and tells whoever keeps them for this device. All registered folders must be readable for that: one that is not,
 * may need any block.
 */
import path from 'node:path'
import { collectGarbage } from '../../store/gc.ts'
import type { Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { expireVersions } from '../version-keeping.ts'
import { type Context, leaseAll } from './context.ts'

const MS_PER_MINUTE = 60_000

export async function gc(context: Context, { signal, onProgress }: Call): Promise<Results['gc']> {
  const { folders, store, clock, collecting, heads, holds, syncs } = await context.parts()
  const home = context.home()
  return collecting.run(async () => {
    await using leases = await leaseAll(folders, home.folders.list())
    // Of files that are gone and that somebody has to be asked about, nothing else may say that they are needed.
    for (const { id } of leases.folders) await (await syncs.of(id))?.requireNothingAsked()
    let versions = 0
    for (const folder of leases.folders) versions += await expireVersions(folder, { home, clock }, { signal })
    const collected = await collectGarbage({
      store,
      sources: [...leases.folders.flatMap((folder) => folder.referenceSources()), heads.references, holds.promises],
      borrowed: {
        borrowed: () => holds.borrowed(),
        release: (cids) => holds.release(cids),
        blockOf: (cid) => holds.shards.blockOf(cid),
        evict: (cids) => holds.evict(cids, signal),
      },
      candidatesFile: path.join(home.dir, 'gc-candidates'),
      clock,
      gracePeriodMs: home.config.gcGraceMinutes * MS_PER_MINUTE,
      signal,
      onProgress,
    })
    return { blocks: collected.deleted, bytes: collected.freedBytes, keptByGrace: collected.candidates, versions }
  })
}
