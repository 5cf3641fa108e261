/** `conflicts`: files that two devices changed without knowing of each other, and which of them is to stay. */
import path from 'node:path'
import { textOf } from '../../bytes/byte-string.ts'
import type { ByteString } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { joinPath, lastName, parentPath } from '../../format/head-path.ts'
import { nameOfConflict } from '../../sync/conflict-name.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { ConflictInfo, Params, Results } from '../control-api.ts'
import { locateOrFail } from '../locate.ts'
import { type Context, knownFolders } from './context.ts'

/** At and below a path, or in all folders that are open. */
export async function conflicts(context: Context, params: Params<'conflicts'>): Promise<Results['conflicts']> {
  const { folders } = await context.parts()
  const known = knownFolders(context.home(), await context.parts())
  const places =
    params.path === undefined
      ? folders.openPaths.map((folder) => ({ folder, inside: '' }))
      : [locateOrFail(params.path, known)]
  const found: ConflictInfo[] = []
  for (const place of places) {
    await folders.use(place.folder, async (folder) => {
      for await (const conflict of conflictsIn(folder, place.inside)) found.push(conflict)
    })
  }
  return { conflicts: found }
}

/**
 * Keeps one of the versions, under the name that all of them want, and takes the others away; they become earlier versions
 * of their files. Fails with `not-found` if there is no conflict.
 */
export async function conflictsKeep(
  context: Context,
  params: Params<'conflictsKeep'>,
): Promise<Results['conflictsKeep']> {
  const { folders } = await context.parts()
  const { folder: at, inside } = locateOrFail(params.path, knownFolders(context.home(), await context.parts()))
  return folders.use(at, async (folder) => {
    await folder.settle()
    const original = joinPath(parentPath(inside) ?? '', nameOfConflict(lastName(inside)) ?? lastName(inside))
    const others = await copiesOf(folder, original)
    if (others.length === 0 || folder.outside.look(inside) === undefined) {
      throw new DfsError('not-found', 'there is no conflict about this file', {
        op: 'conflicts keep',
        subject: params.path,
        mend: 'see "dfs conflicts"',
      })
    }
    folder.keepingAll(() => {
      if (inside !== original) folder.outside.move(inside, original)
      for (const other of others) if (other !== inside) folder.outside.remove(other)
    })
    return { path: path.join(folder.path, textOf(original)), removed: others.length }
  })
}

async function* conflictsIn(folder: Folder, inside: ByteString): AsyncGenerator<ConflictInfo> {
  for await (const { path: at } of folder.files.list(inside)) {
    const name = nameOfConflict(lastName(at))
    if (name === undefined) continue
    const original = joinPath(parentPath(at)!, name)
    yield { path: path.join(folder.path, textOf(at)), original: path.join(folder.path, textOf(original)) }
  }
}

async function copiesOf(folder: Folder, original: ByteString): Promise<ByteString[]> {
  const directory = parentPath(original)!
  const names = await folder.outside.list(directory)
  return names.filter((name) => nameOfConflict(name) === lastName(original)).map((name) => joinPath(directory, name))
}
