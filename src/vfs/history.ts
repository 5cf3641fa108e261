/**
 * Kept versions of a file, found by the path that each carries inside, and put back.
 */

import { textOf } from '../bytes/byte-string.ts'
import type { ByteString, StubState } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import type { Inode } from './inode-table.ts'
import type { Services } from './services.ts'
import { parseVersionTime } from './version-time.ts'
import { walkVersions } from './version-walk.ts'

export interface KeptVersion {
  /** When it was superseded or deleted: the name of the version. */
  readonly time: string
  /** Milliseconds since 1970, the same moment. */
  readonly timeMs: number
  readonly path: ByteString
  readonly size: number
  readonly state: StubState
}

/** Versions of a path, or of the file that has the path now under whatever path it had; the newest first. */
export async function versionsOf(
  services: Services,
  directory: Inode,
  { path, fileId }: { path: ByteString; fileId: Buffer | undefined },
): Promise<KeptVersion[]> {
  const found: KeptVersion[] = []
  const own = fileId?.toString('hex')
  for await (const { id, time, timeMs, read } of walkVersions(services, directory)) {
    const content = read()
    if (content === undefined || (content.path !== path && id !== own)) continue
    found.push({ time, timeMs, size: content.state.meta.size, ...content })
  }
  return found.sort((a, b) => b.timeMs - a.timeMs)
}

/**
 * The version that a person means: the newest, the one of exactly this name, or the content at some moment.
 * `at`: a version's name, or anything that Date understands. Fails with `not-found`, `invalid`.
 */
export function chooseVersion(versions: readonly KeptVersion[], path: ByteString, at: string | undefined): KeptVersion {
  const subject = textOf(path)
  const mend = `see "dfs history ${subject}"`
  if (versions.length === 0) throw new DfsError('not-found', 'no earlier version is kept', { op: 'restore', subject })
  if (at === undefined) return versions[0]!
  const exact = versions.find(({ time }) => time === at)
  if (exact !== undefined) return exact
  const moment = parseVersionTime(at) ?? Date.parse(at)
  if (Number.isNaN(moment)) throw new DfsError('invalid', `"${at}" is no time`, { op: 'restore', subject, mend })
  const chosen = versions.findLast(({ timeMs }) => timeMs > moment)
  if (chosen === undefined)
    throw new DfsError('not-found', 'no version was superseded after that time', { op: 'restore', subject, mend })
  return chosen
}
