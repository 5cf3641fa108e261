/** `umount`: ends a mount; everything written through it is in the stubs when this resolves. What a daemon that died left is taken off, too. */
import { detachStale } from '../../fuse/mountpoint.ts'
import type { Params, Results } from '../control-api.ts'
import type { Context } from './context.ts'

/** `stopping`: tells whether the daemon ends now, because this was its last mount. */
export async function umount(
  context: Context,
  { folder, lazy = false }: Params<'umount'>,
  stopping: () => boolean,
): Promise<Results['umount']> {
  const { mounts } = await context.parts()
  if (mounts.find(folder) === undefined && (await detachStale(folder))) {
    return { folder, mountpoint: folder, stillUsed: false, stopping: stopping() }
  }
  const { ended, stillUsed } = await mounts.umount(folder, { lazy })
  return { folder: ended.folder, mountpoint: ended.mountpoint, stillUsed, stopping: stopping() }
}
