/** `status`: what folders there are, what they hold and what it takes. Folders are only looked at, never changed. */
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { textOf } from '../../bytes/byte-string.ts'
import { describeError } from '../../errors.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { FolderStatus, Params, StatusResult } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { isFile, walk, withObject } from '../inside.ts'
import { locateOrFail } from '../locate.ts'
import { countStates } from '../replication/content-states.ts'
import { type Context, knownFolders, type Parts } from './context.ts'
import { networkStatus } from './devices.ts'
import { withPath } from './inside-paths.ts'
import { replicationStatus } from './replication-status.ts'

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
  const isInside = place !== undefined && place.inside !== ''
  const told = isInside ? await statusInside(context, params.path!, call.signal) : {}
  const contents = folders.flatMap(({ content }) => content ?? [])
  const replication = await replicationStatus(context, contents)
  return {
    home: home.dir,
    pid: process.pid,
    folders,
    store,
    network: await networkStatus(context),
    replication,
    ...told,
  }
}

async function statusOf(
  { folders, mounts, syncs }: Parts,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<FolderStatus> {
  const active = mounts.find(path)
  const told = { id, folder: path, mountpoint: active?.mountpoint, driver: active?.driver }
  try {
    const counted = await folders.use(path, (folder) => count(folder, signal))
    return { ...told, problem: undefined, syncProblem: (await syncs.of(id))?.problem, ...counted }
  } catch (error) {
    signal.throwIfAborted()
    const nothing = { files: 0, logicalBytes: 0, storedBytes: 0, journalBytes: 0, content: undefined }
    return { ...told, problem: describeError(error), syncProblem: undefined, ...nothing }
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
  return { ...sum, content: await countStates(folder.files, '', { signal }) }
}

function statusInside(
  context: Context,
  path: string,
  signal: AbortSignal,
): Promise<Pick<StatusResult, 'file' | 'below'>> {
  return withPath(context, path, async ({ folder, path: inside }) => {
    const shown = join(folder.path, textOf(inside))
    const below = { path: shown, content: await countStates(folder.files, inside, { signal }) }
    // As `withPath` found it: by the name that a mount shows.
    return withObject(folder.filesystem, inside, { mounted: true }, async ({ attributes }) => {
      if (!isFile(attributes)) return { below }
      const state = await folder.filesystem.getxattr(attributes.ino, 'user.dfs.state')
      return { below, file: { path: shown, size: attributes.size, state: String(state ?? 'local') } }
    })
  })
}
