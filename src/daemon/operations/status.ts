/** `status`: what folders there are, what they hold and what it takes. Folders are only looked at, never changed. */
import { statfs } from 'node:fs/promises'
import path from 'node:path'
import { describeError } from '../../errors.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { FolderStatus, Params, StatusResult } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { isFile, walk, withObject } from '../inside.ts'
import { locateOrFail } from '../locate.ts'
import { type Context, knownFolders, type Parts } from './context.ts'
import { networkStatus } from './devices.ts'

export async function status(context: Context, params: Params<'status'>, call: Call): Promise<StatusResult> {
  const parts = await context.parts()
  const home = context.home()
  const known = knownFolders(home, parts)
  const place = params.path === undefined ? undefined : locateOrFail(params.path, known)
  const folders: FolderStatus[] = []
  for (const { id, path } of home.folders.list()) {
    if (place === undefined || place.folder === path) folders.push(await statusOf(parts, id, path, call.signal))
  }
  const { bavail, bsize } = await statfs(home.directory('blocks'))
  const store = { ...(await parts.store.usage()), diskFreeBytes: bavail * bsize }
  const file =
    place === undefined || place.inside === '' ? undefined : await fileStatus(parts, place.folder, place.inside)
  return { home: home.dir, pid: process.pid, folders, store, network: await networkStatus(context), file }
}

async function statusOf(
  { folders, mounts }: Parts,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<FolderStatus> {
  const active = mounts.find(path)
  const told = { id, folder: path, mountpoint: active?.mountpoint, driver: active?.driver }
  try {
    const counted = await folders.use(path, (folder) => count(folder, signal))
    return { ...told, problem: undefined, ...counted }
  } catch (error) {
    signal.throwIfAborted()
    return { ...told, problem: describeError(error), files: 0, logicalBytes: 0, storedBytes: 0, journalBytes: 0 }
  }
}

async function count(folder: Folder, signal: AbortSignal) {
  const sum = { files: 0, logicalBytes: 0, storedBytes: 0, journalBytes: folder.journalBytes }
  await withObject(folder.filesystem, '', { mounted: true }, async (root) => {
    for await (const { attributes } of walk(folder.filesystem, root)) {
      signal.throwIfAborted()
      if (!isFile(attributes)) continue
      sum.files++
      sum.logicalBytes += attributes.size
      sum.storedBytes += attributes.blocks * 512
    }
  })
  return sum
}

function fileStatus({ folders, mounts }: Parts, folderPath: string, inside: string) {
  const mounted = mounts.find(folderPath) !== undefined
  return folders.use(folderPath, (folder) =>
    withObject(folder.filesystem, inside, { mounted }, async (object) => ({
      path: path.join(folderPath, object.path),
      size: object.attributes.size,
      state: String((await folder.filesystem.getxattr(object.attributes.ino, 'user.dfs.state')) ?? 'local'),
    })),
  )
}
