/** `umount`: ends a mount; everything written through it is stored and in the stubs when this resolves. */
import type { Params, Results } from '../control-api.ts'
import type { Context } from './context.ts'

/** `stopping`: tells whether the daemon ends now, because this was its last mount. */
export async function umount(
  context: Context,
  { folder, lazy = false }: Params<'umount'>,
  stopping: () => boolean,
): Promise<Results['umount']> {
  const { mounts } = await context.parts()
  const ended = await mounts.umount(folder, { lazy })
  return { folder: ended.folder, mountpoint: ended.mountpoint, stopping: stopping() }
}
