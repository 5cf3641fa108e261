/**
 * What became of the places of a folder that may have changed, as changes of the tree that it had before: those that
 * bring the tree to where a walk of the whole folder would.
 */
import type { ByteString } from '../dfs.ts'
import type { HeadEntry } from '../format/head-entry.ts'
import { comparePaths, parentPath } from '../format/head-path.ts'
import type { Stat } from '../posix/stat.ts'
import type { NodeReader } from '../seal/manifest-tree.ts'
import type { HeadChange } from './head-build.ts'
import { type DirtyPaths, type DirtyPlace, distinctPlaces } from './head-dirty.ts'
import { type LinkNames, type ObjectKey, objectKeyOf } from './head-links.ts'
import { lookAt, objectAt, objectsBelow } from './head-lookup.ts'
import type { HeadRoot } from './head-nodes.ts'
import { typeOf } from './head-objects.ts'
import { findEntry, pathsBelow } from './head-read.ts'
import { FolderWalk, type FolderWalkOptions } from './head-walk.ts'

export interface FolderChangesOptions extends Omit<FolderWalkOptions, 'from' | 'isDeep'> {
  readonly before: HeadRoot
  readonly nodes: NodeReader
  /** Names in the folder as it was before; they are brought up to date. */
  readonly linkNames: LinkNames
}

/** In the order of their paths. Fails as a walk does, and where the tree before cannot be read. */
export async function* folderChanges(dirty: DirtyPaths, options: FolderChangesOptions): AsyncGenerator<HeadChange> {
  for (const place of await allPlaces(dirty, options)) {
    const now = new FolderWalk({ ...options, from: place.path, isDeep: place.isTree })
    yield* place.isTree ? treeChanges(place, now, options) : objectChange(place, now)
  }
}

async function* objectChange({ path }: DirtyPlace, now: AsyncIterable<HeadEntry>): AsyncGenerator<HeadChange> {
  let found: HeadEntry | undefined
  for await (const entry of now) found = entry
  yield { path, entry: found }
}

/** What is below a place now, and what is not any more. */
async function* treeChanges(
  { path }: DirtyPlace,
  now: AsyncIterable<HeadEntry>,
  { before, nodes }: FolderChangesOptions,
): AsyncGenerator<HeadChange> {
  const former = pathsBelow(before, path, nodes)
  try {
    let gone = await former.next()
    for await (const entry of now) {
      for (; !gone.done && comparePaths(gone.value, entry.path) < 0; gone = await former.next()) {
        yield { path: gone.value, entry: undefined }
      }
      if (!gone.done && gone.value === entry.path) gone = await former.next()
      yield { path: entry.path, entry }
    }
    for (; !gone.done; gone = await former.next()) yield { path: gone.value, entry: undefined }
  } finally {
    await former.return(undefined)
  }
}

/** The dirty ones, and those that change with them. */
async function allPlaces(dirty: DirtyPaths, options: FolderChangesOptions): Promise<DirtyPlace[]> {
  const { rootFd, before, nodes, linkNames } = options
  const places: DirtyPlace[] = []
  for (const { path, isTree } of distinctPlaces([...dirty.places(), ...(await unknownParents(dirty, options))])) {
    await options.slices?.next()
    const stat = lookAt(rootFd, path)
    const isDirectory = stat !== undefined && typeOf(stat) === 'directory'
    const wasDirectory = (await findEntry(before, path, nodes))?.kind === 'directory'
    // Of what was in a directory that is gone nobody tells one by one; and what never was one has nothing below it.
    places.push({ path, isTree: (isTree && isDirectory) || isDirectory !== wasDirectory })
  }
  const objects = new Set<ObjectKey>(dirty.objects)
  for (const place of places) for await (const object of relink(place, options)) objects.add(object)
  const names = [...objects].flatMap((object) => linkNames.namesOf(object))
  return distinctPlaces([...places, ...names.map((path) => ({ path, isTree: false }))])
}

/** Directories of what changed that the tree has not: somebody made them below the mount. */
async function unknownParents(
  dirty: DirtyPaths,
  { before, nodes, slices }: FolderChangesOptions,
): Promise<DirtyPlace[]> {
  const known = new Set<ByteString>([''])
  const unknown = new Set<ByteString>()
  for (const { path } of dirty.places()) {
    await slices?.next()
    for (let at = parentPath(path); at !== undefined && !known.has(at) && !unknown.has(at); at = parentPath(at)) {
      const isKnown = (await findEntry(before, at, nodes))?.kind === 'directory'
      ;(isKnown ? known : unknown).add(at)
    }
  }
  return [...unknown].map((path) => ({ path, isTree: true }))
}

/**
 * Brings the names of linked objects at a place up to date; the objects that have or had a name there. One that has but
 * one name left keeps it: whoever has it open may know none.
 */
async function* relink({ path, isTree }: DirtyPlace, options: FolderChangesOptions): AsyncGenerator<ObjectKey> {
  const { rootFd, linkNames, slices } = options
  await slices?.next()
  const former = new Set(isTree ? linkNames.removeBelow(path) : linkNames.remove(path))
  yield* former
  const isWanted = (stat: Stat) => isLinked(stat) || former.has(objectKeyOf(stat))
  for await (const { path: name, stat } of isTree ? objectsBelow(rootFd, path, slices) : objectAt(rootFd, path)) {
    if (!isWanted(stat)) continue
    const object = objectKeyOf(stat)
    linkNames.add(name, object)
    yield object
  }
}

/** Whether it has several names, as no directory does. */
function isLinked(stat: Stat): boolean {
  return stat.nlink > 1 && typeOf(stat) !== 'directory'
}
