/** `list`: what folders there are; what is in a directory, page by page, with the state of each file. Nothing is fetched for it. */
import { basename } from 'node:path'
import { exactTextOf, textOf } from '../../bytes/byte-string.ts'
import { Slices } from '../../concurrency/slices.ts'
import { sortInSlices } from '../../concurrency/sort-in-slices.ts'
import type { ByteString, Ino } from '../../dfs.ts'
import { describeError } from '../../errors.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { NamedEntry } from '../../vfs/folder-files.ts'
import type { Attributes } from '../../vfs/operations.ts'
import type { ListedEntry, ListResult, Params } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { type InsideObject, isDirectory, isFile, isSymlink, withObject } from '../inside.ts'
import { type Context, knownFolders } from './context.ts'
import { withPath } from './inside-paths.ts'

const ENTRIES_DEFAULT = 100
/** What a frame of the control socket has room for, whatever the names are. */
const ENTRIES_MAX = 250

export async function list(context: Context, params: Params<'list'>, { signal }: Call): Promise<ListResult> {
  const { path, offset = 0, limit = ENTRIES_DEFAULT } = params
  if (path === undefined) return listFolders(context)
  const { pins } = (await context.parts()).replication
  return withPath(context, path, ({ folder, path: inside }) => {
    const lister = new Lister(folder, (id) => pins.has(id), signal)
    // As `withPath` found it: by the name that a mount shows.
    return withObject(folder.filesystem, inside, { mounted: true }, (object) =>
      lister.list(object, { offset: Math.max(0, offset), limit: Math.min(Math.max(0, limit), ENTRIES_MAX) }),
    )
  })
}

async function listFolders(context: Context): Promise<ListResult> {
  const entries = knownFolders(context.home(), await context.parts()).map(
    ({ path, mountpoint }): ListedEntry => ({ name: path, kind: 'folder', size: 0, mtimeMs: 0, mountpoint }),
  )
  return { self: undefined, total: entries.length, entries }
}

class Lister {
  readonly #folder: Folder
  readonly #isPinned: (fileId: Buffer) => boolean
  readonly #signal: AbortSignal

  constructor(folder: Folder, isPinned: (fileId: Buffer) => boolean, signal: AbortSignal) {
    this.#folder = folder
    this.#isPinned = isPinned
    this.#signal = signal
  }

  /** `object` is held. */
  async list(object: InsideObject, { offset, limit }: { offset: number; limit: number }): Promise<ListResult> {
    const { path, attributes } = object
    const self = await this.#describe(basename(path), attributes)
    if (path === '') Object.assign(self, { name: this.#folder.path, kind: 'folder' })
    if (!isDirectory(attributes)) {
      return { self, localBytes: await this.#localBytes(attributes), total: 0, entries: [] }
    }
    const names = await sorted(await this.#folder.files.names(attributes.ino))
    const entries: ListedEntry[] = []
    for (const name of names.slice(offset, offset + limit)) {
      this.#signal.throwIfAborted()
      const entry = await this.#entry(attributes.ino, name)
      if (entry !== undefined) entries.push(entry)
    }
    return { self, total: names.length, entries }
  }

  /** Undefined if it went since it was listed. */
  async #entry(directory: Ino, named: NamedEntry): Promise<ListedEntry | undefined> {
    const { filesystem } = this.#folder
    for (const name of new Set([named.name, named.stored])) {
      let found: Attributes | undefined
      try {
        found = await filesystem.lookup(directory, name)
      } catch (error) {
        const problem = describeError(error)
        return { name: exactTextOf(name), kind: 'file', size: 0, mtimeMs: 0, state: 'unreadable', problem }
      }
      if (found === undefined) continue
      try {
        return await this.#describe(name, found)
      } finally {
        filesystem.forget(found.ino, 1)
      }
    }
    return undefined
  }

  async #describe(name: ByteString, attributes: Attributes): Promise<ListedEntry> {
    const mtimeMs = Number(attributes.mtimeNs / 1_000_000n)
    const entry: ListedEntry = { name: exactTextOf(name), kind: kindOf(attributes), size: 0, mtimeMs }
    if (entry.kind !== 'file') return entry
    const told = { ...entry, size: attributes.size }
    try {
      const state = await this.#own(attributes, 'state')
      if (state === 'plain' || state === undefined) return { ...told, kind: 'plain' }
      const id = this.#folder.files.idOf(attributes.ino)
      return { ...told, state, pinned: id !== undefined && this.#isPinned(id) }
    } catch (error) {
      return { ...told, state: 'unreadable', problem: describeError(error) }
    }
  }

  async #localBytes(attributes: Attributes): Promise<number | undefined> {
    try {
      const told = await this.#own(attributes, 'local_bytes')
      return told === undefined ? undefined : Number(told)
    } catch {
      return undefined // The entry says what is wrong.
    }
  }

  async #own({ ino }: Attributes, name: string): Promise<string | undefined> {
    return (await this.#folder.filesystem.getxattr(ino, `user.dfs.${name}`))?.toString()
  }
}

function kindOf(attributes: Attributes): ListedEntry['kind'] {
  if (isDirectory(attributes)) return 'directory'
  if (isFile(attributes)) return 'file'
  return isSymlink(attributes) ? 'symlink' : 'other'
}

/** Directories first; `a2` before `a10`; names that only look alike in the same order every time. */
async function sorted(entries: readonly NamedEntry[]): Promise<NamedEntry[]> {
  const slices = new Slices()
  const keyed: { entry: NamedEntry; key: string }[] = []
  for (const entry of entries) {
    await slices.next()
    keyed.push({ entry, key: sortKey(entry) })
  }
  const inOrder = await sortInSlices(
    keyed,
    (one, other) => compare(one.key, other.key) || compare(one.entry.name, other.entry.name),
  )
  return inOrder.map(({ entry }) => entry)
}

const NUMBER_DIGITS = 20

/** Compared by its chars it sorts as people do; a collator takes three times as long. */
function sortKey({ name, isDirectory }: NamedEntry): string {
  const text = textOf(name).normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase()
  const numbered = text.replaceAll(/\d+/g, (digits) => digits.padStart(NUMBER_DIGITS, '0'))
  return `${isDirectory ? 0 : 1}${numbered}`
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}
