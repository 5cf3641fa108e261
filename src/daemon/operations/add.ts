/** `add`: replaces plain files by stubs, in folders that are mounted or not; a new directory becomes a folder. */
import { lstat } from 'node:fs/promises'
import { textOf } from '../../bytes/byte-string.ts'
import type { OnProgress } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { fromNodeError } from '../../posix/errno.ts'
import type { AddResult, Params } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { locate, type Place } from '../locate.ts'
import { type Context, knownFolders } from './context.ts'

export async function add(context: Context, { paths, keep = false }: Params<'add'>, call: Call): Promise<AddResult> {
  const parts = await context.parts()
  const known = knownFolders(context.home(), parts)
  const places: Place[] = []
  // All of them are looked at before the first is changed.
  for (const path of paths) places.push(locate(path, known) ?? (await newFolder(path)))

  const sum: AddResult = { files: 0, bytes: 0, skipped: [] }
  for (const { folder, inside } of places) {
    const onProgress = continuing(sum, call.onProgress)
    const added = await parts.folders.use(folder, (open) =>
      open.adopt(inside, { keep, signal: call.signal, onProgress }),
    )
    sum.files += added.files
    sum.bytes += added.bytes
    sum.skipped.push(...added.skipped.map(({ path, why }) => ({ path: textOf(path), why })))
  }
  return sum
}

async function newFolder(path: string): Promise<Place> {
  const stat = await lstat(path).catch((error) => {
    throw fromNodeError(error, 'add', path)
  })
  if (stat.isDirectory()) return { folder: path, inside: '' }
  throw new DfsError('invalid', 'is a file outside any folder of dfs', {
    op: 'add',
    subject: path,
    mend: 'move it into a folder, or add the directory it is in',
  })
}

/** Counts on from what earlier paths have brought. */
function continuing(sum: AddResult, onProgress: OnProgress): OnProgress {
  const before = { files: sum.files, bytes: sum.bytes }
  return ({ done, total, unit, item }) => {
    const base = unit === 'bytes' ? before.bytes : before.files
    onProgress({ done: base + done, total: total === undefined ? undefined : base + total, unit, item })
  }
}
