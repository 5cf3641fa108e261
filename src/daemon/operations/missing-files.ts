/** `folders confirm`, `folders restore`: what somebody says about files that are gone and that nobody was seen to remove. */
import path from 'node:path'
import { textOf } from '../../bytes/byte-string.ts'
import { DfsError } from '../../errors.ts'
import type { Params, Results } from '../control-api.ts'
import type { RunningSync } from '../sync/running-sync.ts'
import { type Context, folderNamed, knownFolders } from './context.ts'

/** Fails with `not-found` if nothing is asked; so do the other two. */
export function foldersMissing(context: Context, params: Params<'foldersMissing'>): Promise<Results['foldersMissing']> {
  return withSync(context, params.path, async (running, at) => {
    const { files, left, examples } = await running.missing()
    return { path: at, files, of: files + left, examples: examples.map((one) => path.join(at, textOf(one))) }
  })
}

/** They were deleted, and are so on the other devices too. */
export function foldersConfirm(context: Context, params: Params<'foldersConfirm'>): Promise<Results['foldersConfirm']> {
  return withSync(context, params.path, async (running, at) => {
    const { files } = await running.answer('removed')
    return { path: at, files }
  })
}

/** They come back as placeholders, as all devices know them by now. */
export function foldersRestore(context: Context, params: Params<'foldersRestore'>): Promise<Results['foldersRestore']> {
  return withSync(context, params.path, async (running, at) => {
    const { files } = await running.answer('restore')
    return { path: at, files, waiting: running.index.behind.size }
  })
}

async function withSync<T>(
  context: Context,
  named: string,
  work: (running: RunningSync, at: string) => Promise<T>,
): Promise<T> {
  const parts = await context.parts()
  const at = folderNamed(named, knownFolders(context.home(), parts))
  return parts.folders.use(at, async (folder) => {
    const running = await parts.syncs.of(folder.id)
    if (running !== undefined) return work(running, at)
    throw new DfsError('not-found', 'is not kept the same as on another device: nothing is asked about it', {
      subject: at,
      mend: 'see "dfs folders"',
    })
  })
}
