/** `history` and `restore`: the kept versions of a file, and bringing one back. */
import path from 'node:path'
import { textOf } from '../../bytes/byte-string.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { Params, Results } from '../control-api.ts'
import { locateOrFail } from '../locate.ts'
import { type Context, knownFolders } from './context.ts'

export function history(context: Context, params: Params<'history'>): Promise<Results['history']> {
  return inFolder(context, params.path, async (folder, inside) => {
    // What was overwritten becomes a version when its stub is written.
    await folder.checkpoint()
    return {
      path: path.join(folder.path, textOf(inside)),
      versions: (await folder.history(inside)).map(({ time, size }) => ({ time, size })),
    }
  })
}

/** Without `at`, the newest kept version comes back. */
export function restore(context: Context, params: Params<'restore'>): Promise<Results['restore']> {
  return inFolder(context, params.path, async (folder, inside) => {
    const { time, size } = await folder.restore(inside, { at: params.at })
    return { path: path.join(folder.path, textOf(inside)), time, size }
  })
}

/** A deleted file has a history, too, so the path is not looked up here. */
async function inFolder<T>(
  context: Context,
  at: string,
  work: (folder: Folder, inside: string) => Promise<T>,
): Promise<T> {
  const parts = await context.parts()
  const place = locateOrFail(at, knownFolders(context.home(), parts))
  return parts.folders.use(place.folder, (folder) => work(folder, place.inside))
}
