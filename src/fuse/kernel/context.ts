/** What the operations of one mount share. */
import { whenReady } from '../../concurrency/when-ready.ts'
import type { Ino } from '../../dfs.ts'
import type { Attributes, Awaitable, Change, FilesystemOperations, WriteOptions } from '../../vfs/operations.ts'
import type { Account } from './account.ts'
import type { Validity } from './attributes.ts'
import type { Settings } from './negotiation.ts'
import type { ReplyPool } from './reply-pool.ts'

export interface Context {
  readonly filesystem: FilesystemOperations
  readonly account: Account
  readonly replies: ReplyPool
  /** What was agreed on; known from INIT on, which comes first. */
  readonly settings: () => Settings
  /** How long the kernel may remember an object's attributes, and a directory's entries. */
  readonly validityOf: (ino: Ino) => Validity
  /** Whether the kernel may keep the pages of a file, and the listing of a directory, from one open to the next. */
  readonly keepsCache: boolean
  /** Tells the kernel of a change that it does not know of. */
  readonly notify: (change: Change) => void
  /** Resolves once pages of a file that only the kernel has, have been written. */
  readonly flushPages: (ino: Ino) => Promise<void>
}

/** For what changes a file's content. */
export function changeOptions({ settings }: Context): WriteOptions {
  return { keepsTimes: settings().kernelKeepsTimes }
}

const SETUID = 0o4000
export const SETGID = 0o2000
const GROUP_EXECUTE = 0o010
const TYPE_BITS = 0o170000
const DIRECTORY = 0o040000

/** The mode without the bits that lend rights, which a change of content or owner takes; undefined if it has none. */
export function withoutPrivileges({ mode }: Pick<Attributes, 'mode'>): number | undefined {
  if ((mode & TYPE_BITS) === DIRECTORY) return undefined
  const lendsGroup = (mode & SETGID) !== 0 && (mode & GROUP_EXECUTE) !== 0
  const kept = mode & ~SETUID & ~(lendsGroup ? SETGID : 0)
  return kept === mode ? undefined : kept & 0o7777
}

/** Takes those bits off a file that was written to. */
export async function dropPrivileges(filesystem: FilesystemOperations, ino: Ino): Promise<void> {
  const mode = withoutPrivileges(await filesystem.getattr(ino))
  if (mode !== undefined) await filesystem.setattr(ino, { mode })
}

/** Hands on what was looked up, counted. */
export function counted<T extends Attributes | undefined>({ account }: Context, found: Awaitable<T>): Awaitable<T> {
  return whenReady(found, (attributes): T => {
    if (attributes !== undefined) account.lookedUp(attributes.ino)
    return attributes
  })
}

/** The mode of a new object: the kernel leaves the umask to us where the directory may say something else. */
export function modeOf({ filesystem, settings }: Context, parent: Ino, mode: number, umask: number): Awaitable<number> {
  if (!settings().appliesUmask) return mode
  return whenReady(filesystem.hasDefaultAcl?.(parent) ?? false, (has) => (has ? mode : mode & ~umask))
}
