/** `folders`: which folders this device and the owner's others have; taking one of theirs here, and leaving one. */
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { byteStringOf, textOf } from '../../bytes/byte-string.ts'
import { DfsError } from '../../errors.ts'
import { detachStale } from '../../fuse/mountpoint.ts'
import { Folder } from '../../vfs/folder.ts'
import type { FolderInfo, Params, Results } from '../control-api.ts'
import { checkDirectory, checkFolderPath } from '../folder-checks.ts'
import { markFolder } from '../sync/joining-folder.ts'
import type { KnownFolder } from '../sync/known-folders.ts'
import type { Context } from './context.ts'

export async function folders(context: Context): Promise<Results['folders']> {
  const home = context.home()
  const { syncs, eager, mounts, network } = await context.parts()
  const known = new Map(syncs.known.list().map((folder) => [folder.id, folder]))
  const nameOf = (device: string) =>
    network.membership.members().find(({ deviceId }) => deviceId === device)?.name ?? device
  const devicesOf = (id: string) => (known.get(id)?.devices ?? []).map(nameOf).sort()
  const here = await Promise.all(
    home.folders.list().map(async ({ id, path: at }): Promise<FolderInfo> => {
      const running = await syncs.of(id)
      return {
        id,
        name: path.basename(at),
        path: at,
        mounted: mounts.find(at) !== undefined,
        devices: devicesOf(id),
        waiting: running?.index.behind.size ?? 0,
        settled: running?.isIdle === true && syncs.isSettled(id),
        eager: home.folders.isEager(id),
        fetching: eager.stateOf(id),
        problem: running?.problem,
      }
    }),
  )
  const ids = new Set(here.map(({ id }) => id))
  const elsewhere = [...known.values()]
    .filter(({ id }) => !ids.has(id))
    .map(({ id, name }) => ({
      id,
      name: textOf(name),
      mounted: false,
      devices: devicesOf(id),
      waiting: 0,
      settled: false,
    }))
  return { folders: [...here.sort((a, b) => (a.path! < b.path! ? -1 : 1)), ...elsewhere] }
}

/** `name`: what others call it, or the beginning of its id. Fails with `not-found`, `invalid` if several are called so, `exists` if the directory is a folder. */
export async function foldersAdd(
  context: Context,
  { name, path: at }: Params<'foldersAdd'>,
): Promise<Results['foldersAdd']> {
  const home = context.home()
  const { syncs } = await context.parts()
  const here = new Set(home.folders.list().map(({ id }) => id))
  const others = syncs.known.list().filter(({ id }) => !here.has(id))
  const chosen = choose(name, others)
  checkFolderPath(at, { home: home.dir, others: home.folders.list().map((folder) => folder.path) })
  await detachStale(at)
  await checkDirectory(at)
  if ((await Folder.idAt(at)) !== undefined) {
    throw new DfsError('exists', 'is a folder already', {
      op: 'add folder',
      subject: at,
      mend: 'give a directory that is none; files can be copied from one to the other when both are mounted',
    })
  }
  await markFolder(at, home, chosen.id)
  await home.folders.set(chosen.id, at)
  syncs.registryChanged()
  return { id: chosen.id, name: textOf(chosen.name), path: at }
}

/** What is in it stays, here and on the others; from now on neither follows the other. Fails with `not-found`, `busy` while it is mounted. */
export async function foldersLeave(
  context: Context,
  { path: at }: Params<'foldersLeave'>,
): Promise<Results['foldersLeave']> {
  const home = context.home()
  const { syncs, folders: open } = await context.parts()
  const id = home.folders.idAt(at)
  if (id === undefined) throw noFolder('leave folder', at)
  if (open.peek(at) !== undefined) {
    throw new DfsError('busy', 'is in use', { op: 'leave folder', subject: at, mend: `run "dfs umount ${at}" first` })
  }
  // Opened once, so that nothing is left in the journal that goes by the id.
  await open.use(at, (folder) => folder.checkpoint())
  await home.folders.set(await markFolder(at, home), at)
  await rm(path.join(home.directory('sync'), id), { recursive: true, force: true })
  syncs.registryChanged()
  return { path: at }
}

/** Whether all content of a folder is to come here, by its path or its mount point; else what is opened does. Fails with `not-found`. */
export async function foldersSet(
  context: Context,
  { path: at, eager: isEager = false }: Params<'foldersSet'>,
): Promise<Results['foldersSet']> {
  const { mounts, eager } = await context.parts()
  const folder = mounts.find(at)?.folder ?? at
  const id = context.home().folders.idAt(folder)
  if (id === undefined) throw noFolder('set folder', at)
  await eager.set(id, isEager)
  return { path: folder, eager: isEager }
}

function noFolder(op: string, subject: string): DfsError {
  return new DfsError('not-found', 'is no folder of this home', { op, subject, mend: 'see "dfs folders"' })
}

function choose(name: string, others: readonly KnownFolder[]): KnownFolder {
  const isId = /^[0-9a-f]{4,32}$/.test(name)
  const found = others.filter((folder) => folder.name === byteStringOf(name) || (isId && folder.id.startsWith(name)))
  if (found.length === 1) return found[0]!
  const listed = others.map((folder) => `${textOf(folder.name)} (${folder.id.slice(0, 8)})`).join(', ')
  throw new DfsError(
    found.length === 0 ? 'not-found' : 'invalid',
    `${found.length === 0 ? 'no' : 'more than one'} folder of your other devices is called so`,
    {
      op: 'add folder',
      subject: name,
      mend: others.length === 0 ? 'connect a device that has one, and see "dfs folders"' : `there are: ${listed}`,
    },
  )
}
