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

/** `stopping`: tells whether the daemon ends now, because this was its last mount. */
export async function umount(
  context: Context,
  { folder, lazy = false }: Params<'umount'>,
  stopping: () => boolean,
): Promise<Umounted> {
  const parts = await context.parts()
  const { mounts, folders } = parts
  const found = mounts.find(folder)
  if (found === undefined && (await detachStale(folder))) {
    return { folder, mountpoint: folder, stillUsed: false, stopping: stopping() }
  }
  if (found === undefined || lazy || !isReplicating(context, parts)) {
    const { ended, stillUsed } = await mounts.umount(folder, { lazy })
    return { folder: ended.folder, mountpoint: ended.mountpoint, stillUsed, stopping: stopping() }
  }
  const unsafe = await folders.use(found.folder, async (open) => {
    await mounts.umount(folder, { lazy })
    await open.checkpoint()
    return unsafeIn(open)
  })
  const told = { folder: found.folder, mountpoint: found.mountpoint, stillUsed: false, stopping: stopping() }
  return unsafe === undefined || unsafe.files === 0 ? told : { ...told, unsafe }
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
