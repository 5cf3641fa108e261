/** `umount`: ends a mount; everything written through it is in the stubs when this resolves. What a daemon that died left is taken off, too. */
import { detachStale } from '../../fuse/mountpoint.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { Params, Results } from '../control-api.ts'
import { replicasWanted } from '../redundancy.ts'
import { countStates } from '../replication/content-states.ts'
import type { Context, Parts } from './context.ts'

type Umounted = Results['umount']

/** What is not safe elsewhere is told of, if it can be found out in this time. */
const COUNT_MS_MAX = 1_000
/** For other devices that are connected, to have what was done last. */
const TELL_MS_MAX = 5_000

/** `stopping`: tells whether the daemon ends now, because this was its last mount. */
export async function umount(
  context: Context,
  { folder, lazy = false }: Params<'umount'>,
  stopping: () => boolean,
): Promise<Umounted> {
  const parts = await context.parts()
  const { mounts, folders, syncs } = parts
  const found = mounts.find(folder)
  if (found === undefined && (await detachStale(folder))) {
    return { folder, mountpoint: folder, stillUsed: false, stopping: stopping() }
  }
  const replicates = isReplicating(context, parts)
  if (found === undefined || lazy || !(replicates || syncs.others.length > 0)) {
    const { ended, stillUsed } = await mounts.umount(folder, { lazy })
    return { folder: ended.folder, mountpoint: ended.mountpoint, stillUsed, stopping: stopping() }
  }
  const left = await folders.use(found.folder, async (open) => {
    await mounts.umount(folder, { lazy })
    await open.checkpoint()
    const untold = await syncs.tell(open.id, AbortSignal.timeout(TELL_MS_MAX))
    return { untold, unsafe: replicates ? await unsafeIn(open) : undefined }
  })
  return {
    ...{ folder: found.folder, mountpoint: found.mountpoint, stillUsed: false, stopping: stopping() },
    ...(left.unsafe === undefined || left.unsafe.files === 0 ? {} : { unsafe: left.unsafe }),
    ...(left.untold.length === 0 ? {} : { untold: left.untold }),
  }
}

function isReplicating(context: Context, { network }: Parts): boolean {
  return replicasWanted(context.home().config) > 0 && network.hasOthers && !network.isRemoved
}

/** Undefined if there are too many files to tell in time, or one cannot be read. */
async function unsafeIn({ files }: Folder): Promise<Umounted['unsafe']> {
  try {
    const { unsafeFiles, unsafeBytes } = await countStates(files, '', { signal: AbortSignal.timeout(COUNT_MS_MAX) })
    return { files: unsafeFiles, bytes: unsafeBytes }
  } catch {
    return undefined
  }
}
