/** What a folder, or a part of one, has where: its files counted by state. */

import { textOf } from '../../bytes/byte-string.ts'
import type { ByteString } from '../../dfs.ts'
import { describeError } from '../../errors.ts'
import { describeState } from '../../vfs/file-state.ts'
import type { FolderFiles } from '../../vfs/folder-files.ts'
import type { ContentStates } from '../control-api.ts'

export interface CountOptions {
  readonly signal: AbortSignal
  /** On how many other devices a file is to be; default: as the setting says. */
  readonly replicas?: number | undefined
  /** Called after each file with how many were looked at, and how many of these are safe. */
  readonly onFile?: (files: number, safe: number) => void
}

/** Of the files at and below a visible path ('' for all), as of their stubs. */
export async function countStates(
  files: FolderFiles,
  inside: ByteString,
  { signal, replicas, onFile }: CountOptions,
): Promise<ContentStates> {
  const sum = { files: 0, bytes: 0, localBytes: 0, unsafeFiles: 0, unsafeBytes: 0, plainFiles: 0 }
  const states = new Map<string, { files: number; bytes: number }>()
  const unreadable: ContentStates['unreadable'] = []
  const enter = (state: string, bytes: number) => {
    const before = states.get(state) ?? { files: 0, bytes: 0 }
    states.set(state, { files: before.files + 1, bytes: before.bytes + bytes })
  }
  for await (const stub of files.list(inside, { onPlain: () => sum.plainFiles++ })) {
    signal.throwIfAborted()
    sum.files++
    try {
      const state = stub.load()
      const { size } = state.meta
      const isDirty = files.isDirty(stub)
      const found = await files.stateOf(stub.path, state)
      const wanted = replicas ?? found.replicas.wanted
      enter(isDirty ? 'dirty' : describeState(found), size)
      sum.bytes += size
      sum.localBytes += found.localBytes
      if (isDirty || found.replicas.counted < wanted) {
        sum.unsafeFiles++
        sum.unsafeBytes += size
      }
    } catch (error) {
      sum.unsafeFiles++
      enter('unreadable', 0)
      if (unreadable.length < UNREADABLE_MAX) unreadable.push({ path: textOf(stub.path), why: describeError(error) })
    }
    onFile?.(sum.files, sum.files - sum.unsafeFiles)
  }
  const inOrder = [...states].sort(([one], [other]) => one.localeCompare(other))
  return { ...sum, states: inOrder.map(([state, count]) => ({ state, ...count })), unreadable }
}

/** More are counted, and not named. */
const UNREADABLE_MAX = 20
