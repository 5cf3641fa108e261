/** Operations on files that people name by path, in folders that are mounted or not. */
import type { ByteString } from '../../dfs.ts'
import type { Folder } from '../../vfs/folder.ts'
import { withObject } from '../inside.ts'
import { locateOrFail, type Place } from '../locate.ts'
import { type Context, knownFolders } from './context.ts'

/** Something in an open folder, by its visible path; '' for all of it. */
export interface Inside {
  readonly folder: Folder
  readonly path: ByteString
}

/**
 * Runs `work` on each of the paths, one after the other, while its folder is open. Fails with `not-found` before any work is done if
 * one of them is not there.
 */
export async function forEachPath(
  context: Context,
  paths: readonly string[],
  work: (inside: Inside) => Promise<void>,
): Promise<void> {
  const known = knownFolders(context.home(), await context.parts())
  const places = paths.map((path) => locateOrFail(path, known))
  for (const place of places) await withPlace(context, place, async () => {})
  for (const place of places) await withPlace(context, place, work)
}

/** The same with one path. */
export async function withPath<T>(context: Context, path: string, work: (inside: Inside) => Promise<T>): Promise<T> {
  return withPlace(context, locateOrFail(path, knownFolders(context.home(), await context.parts())), work)
}

async function withPlace<T>(context: Context, place: Place, work: (inside: Inside) => Promise<T>): Promise<T> {
  const { folders, mounts } = await context.parts()
  return folders.use(place.folder, async (folder) => {
    const mounted = mounts.find(place.folder) !== undefined
    const path = await withObject(folder.filesystem, place.inside, { mounted }, (object) => object.path)
    return work({ folder, path })
  })
}
