/**
 * What a tree shows at a path, and by which paths it shows an object.
 */
import type { ByteString } from '../dfs.ts'
import { joinPath, lastName, parentPath } from '../format/head-path.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import { mayBeConflictName } from './conflict-name.ts'
import { isAlive } from './entry-merge.ts'
import { type Directory, ROOT, type Shown, type ShownTree } from './shown-tree.ts'

export interface ShownAt {
  readonly path: ByteString
  readonly shown: Shown
}

/** The directory at a path; undefined if none is shown there. */
export async function directoryAt(tree: ShownTree, path: ByteString): Promise<Directory | undefined> {
  if (path === '') return ROOT
  const shown = await shownAt(tree, path)
  return shown?.objects[0].entry.kind === 'directory' ? directoryOf(shown) : undefined
}

export async function shownAt(tree: ShownTree, path: ByteString): Promise<Shown | undefined> {
  const directory = await directoryAt(tree, parentPath(path)!)
  return directory && shownIn(tree, directory, lastName(path))
}

export async function shownIn(tree: ShownTree, directory: Directory, name: ByteString): Promise<Shown | undefined> {
  for (const shown of await tree.namesake(directory, name)) if (shown.name === name) return shown
  // It may be what another asked for, and not what this one did.
  return mayBeConflictName(name) ? (await tree.list(directory)).get(name) : undefined
}

/** The ids of the directories that are shown as one. */
export function directoryOf({ objects }: Shown): Directory {
  return objects.map(({ entry }) => entry.id).sort()
}

/** By which paths an entry is shown; not by those where something equal is shown in its place. */
export async function pathsOf(tree: ShownTree, entry: SyncEntry | undefined): Promise<ShownAt[]> {
  if (entry === undefined || (!isAlive(entry) && entry.kind !== 'directory')) return []
  const found: ShownAt[] = []
  for (const { parent, name } of tree.placesOf(entry)) {
    const way = await tree.wayTo(parent)
    if (way === undefined) continue
    const directory = pathOfWay(way)
    for (const shown of await tree.namesake(way.at(-1)!.directory, name)) {
      const path = joinPath(directory, shown.name)
      if (shows(shown, entry.id) && !found.some((one) => one.path === path)) found.push({ path, shown })
    }
  }
  return found
}

export function shows({ objects }: Shown, id: ObjectId): boolean {
  const isDirectory = objects[0].entry.kind === 'directory'
  return isDirectory ? objects.some(({ entry }) => entry.id === id) : objects[0].entry.id === id
}

/** Directories share one id at least; files are one by the id that is shown. */
export function isSameObject(a: Shown, b: Shown): boolean {
  if (a.objects[0].entry.kind !== b.objects[0].entry.kind) return false
  if (a.objects[0].entry.kind !== 'directory') return a.objects[0].entry.id === b.objects[0].entry.id
  return a.objects.some(({ entry }) => b.objects.some((one) => one.entry.id === entry.id))
}

export function pathOfWay(way: readonly { readonly name: ByteString }[]): ByteString {
  return way
    .slice(1)
    .map(({ name }) => name)
    .join('/')
}
