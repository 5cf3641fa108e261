/**
 * Heads of several devices as one: what a recovery brings back when it finds more than one.
 *
 * What is the same at a path is there once; of what differs the newer keeps the name, and the older is beside it as
 * `NAME (from DEVICE)`. Nothing that any device had is left out.
 */
import { byteStringOf } from '../bytes/byte-string.ts'
import type { ByteString } from '../dfs.ts'
import { contentBytes } from '../format/content.ts'
import { type HeadEntry, LINK_GROUP_BYTES } from '../format/head-entry.ts'
import { comparePaths, HEAD_PATH_BYTES_MAX, joinPath, lastName, parentPath } from '../format/head-path.ts'
import { NAME_BYTES_MAX } from '../format/stored-name.ts'
import { FILE_ID_BYTES } from '../format/stub.ts'
import { digestOf } from '../seal/hash.ts'

export interface DeviceHead {
  /** The device's name, for people. */
  readonly device: string
  /** In the order of their paths, as `readHead` gives them. */
  readonly entries: AsyncIterable<HeadEntry>
}

/** An entry, and whose it is. */
interface Owned {
  readonly entry: HeadEntry
  readonly device: string
}

interface Cursor {
  readonly device: string
  readonly rest: AsyncIterator<HeadEntry>
  next: HeadEntry | undefined
}

/**
 * All entries, in the order of their paths (but that a name that had to be cut may come where it is made). Where times are
 * equal the head that is given first counts as newer. Memory holds one entry a head, and those that wait for their new place.
 */
export async function* mergeHeads(heads: readonly DeviceHead[]): AsyncGenerator<HeadEntry> {
  const cursors: Cursor[] = []
  /** Under their new names, in the order of their paths. */
  const renamed: Owned[] = []
  try {
    for (const { device, entries } of heads) {
      const cursor: Cursor = { device, rest: entries[Symbol.asyncIterator](), next: undefined }
      cursors.push(cursor)
      await advance(cursor)
    }
    for (let path = firstPath(cursors, renamed); path !== undefined; path = firstPath(cursors, renamed)) {
      const [winner, ...others] = distinct(await takeAll(path, cursors, renamed))
      for (const other of others) insert(renamed, renameOf(other))
      yield winner!.entry
    }
  } finally {
    for (const { rest } of cursors) await rest.return?.()
  }
}

function firstPath(cursors: readonly Cursor[], renamed: readonly Owned[]): ByteString | undefined {
  let first = renamed[0]?.entry.path
  for (const { next } of cursors) {
    if (next !== undefined && (first === undefined || comparePaths(next.path, first) < 0)) first = next.path
  }
  return first
}

async function takeAll(path: ByteString, cursors: readonly Cursor[], renamed: Owned[]): Promise<Owned[]> {
  const taken: Owned[] = []
  for (const cursor of cursors) {
    if (cursor.next?.path !== path) continue
    taken.push({ entry: cursor.next, device: cursor.device })
    await advance(cursor)
  }
  while (renamed[0]?.entry.path === path) taken.push(renamed.shift()!)
  return taken
}

async function advance(cursor: Cursor): Promise<void> {
  const { done, value } = await cursor.rest.next()
  cursor.next = done ? undefined : value
}

/** What differs, the one that keeps the name first: a directory, for it has more in it, else the newest. */
function distinct(all: readonly Owned[]): Owned[] {
  const kept: Owned[] = []
  for (const one of all.toSorted(byPrecedence)) if (!kept.some(({ entry }) => isSame(entry, one.entry))) kept.push(one)
  return kept
}

function byPrecedence({ entry: a }: Owned, { entry: b }: Owned): number {
  const directories = Number(b.kind === 'directory') - Number(a.kind === 'directory')
  return directories === 0 ? Number(mtimeOf(b) - mtimeOf(a)) : directories
}

function mtimeOf(entry: HeadEntry): bigint {
  return entry.kind === 'file' ? entry.state.meta.mtimeNs : entry.mtimeNs
}

/** Whether a person would see the same, attributes aside. */
function isSame(a: HeadEntry, b: HeadEntry): boolean {
  if (a.kind === 'symlink' && b.kind === 'symlink') return a.target === b.target
  if (a.kind !== 'file' || b.kind !== 'file') return a.kind === b.kind
  const [one, other] = [a.state, b.state]
  return (
    one.meta.size === other.meta.size &&
    one.content.kind === other.content.kind &&
    contentBytes(one.content).equals(contentBytes(other.content))
  )
}

/** A file of its own from now on: it shares neither id nor links with the one that keeps the name. */
function renameOf({ entry, device }: Owned): Owned {
  const own = { ...entry, path: pathFrom(entry.path, device) }
  if (own.linkGroup !== undefined) own.linkGroup = idFrom(own.linkGroup, device, LINK_GROUP_BYTES)
  if (own.kind !== 'file' || own.state.sequence === 0) return { entry: own, device }
  const fileId = idFrom(own.state.fileId, device, FILE_ID_BYTES)
  return { entry: { ...own, state: { ...own.state, fileId } }, device }
}

/** `NAME (from DEVICE)`, cut where it is too long for a disk, and told from others that were cut alike. */
function pathFrom(path: ByteString, device: string): ByteString {
  const parent = parentPath(path)!
  const name = lastName(path)
  const suffix = ` (from ${byteStringOf(device.replaceAll('/', '_'))})`
  const room = Math.min(NAME_BYTES_MAX, HEAD_PATH_BYTES_MAX - parent.length - 1)
  if (name.length + suffix.length <= room) return joinPath(parent, name + suffix)
  const mark = `~${digestOf(Buffer.from(path, 'latin1')).toString('hex', 0, 4)}`
  return joinPath(parent, name.slice(0, room - mark.length - suffix.length) + mark + suffix)
}

function idFrom(id: Buffer, device: string, bytes: number): Buffer {
  return digestOf(Buffer.concat([id, Buffer.from(device)])).subarray(0, bytes)
}

function insert(sorted: Owned[], one: Owned): void {
  const at = sorted.findIndex(({ entry }) => comparePaths(entry.path, one.entry.path) > 0)
  sorted.splice(at < 0 ? sorted.length : at, 0, one)
}
