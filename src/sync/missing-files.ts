/**
 * Whether so much of a folder is gone that it is rather a disk that is missing, or a slip, than somebody's wish.
 *
 * Files count, and only those that nobody was seen to remove and that turn up nowhere else. It follows from what the disk
 * shows and what it is known to have shown, and nothing is noted down: whoever looks again finds the same, after a restart
 * too.
 */
import type { ByteString } from '../dfs.ts'
import { comparePaths, isAtOrBelow, joinPath } from '../format/head-path.ts'
import type { ObjectId } from '../format/sync-entry.ts'
import type { DeviceNames } from './conflict-name.ts'
import type { SyncDisk } from './disk.ts'
import type { Came } from './disk-homes.ts'
import { directoryOf, pathsOf, shownAt } from './find-shown.ts'
import { type Directory, ROOT, type Shown, ShownTree } from './shown-tree.ts'
import type { SyncIndex } from './sync-index.ts'

/** Fewer are somebody's wish even if they are all: folders begin small, and what is lost so is soon put back by hand. */
export const MISSING_MIN = 10
const EXAMPLES_MAX = 10

/** What a look at the disk found, before anything is made of it. */
export interface Found {
  readonly gone: ReadonlySet<ByteString>
  readonly came: readonly Came[]
}

/** Told what is found; if it fails nothing is made of that. */
export type Inspect = (found: Found) => Promise<void>

export interface MissingFilesOptions {
  readonly disk: SyncDisk
  readonly index: SyncIndex
  readonly deviceName: DeviceNames
  /** Whether somebody was seen to change what stands at a path. */
  readonly isSeen: (path: ByteString) => boolean
  readonly missingMin?: number
}

/** More than half of the folder's files, gone at once. */
export class Missing extends Error {
  readonly files: number
  /** So many are there still. */
  readonly left: number
  /** Some of them. */
  readonly examples: readonly ByteString[]
  /** All objects that are gone: files, and what else went with them. */
  readonly ids: ReadonlySet<ObjectId>

  constructor({ files, left, examples, ids }: Pick<Missing, 'files' | 'left' | 'examples' | 'ids'>) {
    super(`${files} of ${files + left} files are gone at once`)
    this.files = files
    this.left = left
    this.examples = examples
    this.ids = ids
  }
}

interface Gone {
  readonly path: ByteString
  readonly shown: Shown
}

export class MissingFiles {
  readonly #options: MissingFilesOptions
  /** What the disk is known to have shown. */
  readonly #before: ShownTree
  readonly #missingMin: number

  constructor(options: MissingFilesOptions) {
    this.#options = options
    this.#before = new ShownTree(options.index.onDisk, options.deviceName)
    this.#missingMin = options.missingMin ?? MISSING_MIN
  }

  /** Undefined if it is so little that somebody has removed it. Fails if the folder is not there at all. */
  async find({ gone, came }: Found): Promise<Missing | undefined> {
    if (gone.size === 0) return undefined
    this.#options.disk.requireThere()
    const all = await this.#unseenIn(gone)
    if (!(await this.#isMany(all))) return undefined
    const found = await this.#idsIn(came)
    const missing: Gone[] = []
    for (const one of all) if (!(await this.#isFound(one, found))) missing.push(one)
    if (!(await this.#isMany(missing))) return undefined
    const files = missing.filter(isFile)
    return new Missing({
      files: files.length,
      left: (await this.#countFiles(Number.POSITIVE_INFINITY)) - files.length,
      examples: files.slice(0, EXAMPLES_MAX).map(({ path }) => path),
      ids: new Set(missing.flatMap(({ shown }) => shown.objects.map(({ entry }) => entry.id))),
    })
  }

  /** More than half, and more than a few. Costs as much as there is of them, however many files there are. */
  async #isMany(gone: readonly Gone[]): Promise<boolean> {
    const files = gone.filter(isFile).length
    return files >= this.#missingMin && (await this.#countFiles(2 * files)) < 2 * files
  }

  /** How many files the disk is known to have shown; no further than so many. */
  async #countFiles(max: number): Promise<number> {
    let files = 0
    const directories: Directory[] = [ROOT]
    for (let next = directories.pop(); next !== undefined && files < max; next = directories.pop()) {
      for (const shown of (await this.#before.list(next)).values()) {
        if (isDirectory(shown)) directories.push(directoryOf(shown))
        else if (isFile({ shown })) files++
      }
    }
    return files
  }

  /** At and below these paths, but for what somebody was seen to remove. */
  async #unseenIn(paths: ReadonlySet<ByteString>): Promise<Gone[]> {
    const all: Gone[] = []
    let last: ByteString | undefined
    for (const path of [...paths].sort(comparePaths)) {
      if (last !== undefined && isAtOrBelow(path, last)) continue
      last = path
      const shown = await shownAt(this.#before, path)
      if (shown !== undefined) all.push({ path, shown })
    }
    for (const { path, shown } of all) {
      if (!isDirectory(shown)) continue
      const inIt = await this.#before.list(directoryOf(shown))
      for (const one of inIt.values()) all.push({ path: joinPath(path, one.name), shown: one })
    }
    return all.filter(({ path }) => !this.#options.isSeen(path))
  }

  /** What objects came, and are in directories that came. */
  async #idsIn(came: readonly Came[]): Promise<ReadonlySet<ObjectId>> {
    const { disk } = this.#options
    const ids = new Set<ObjectId>()
    const paths = came.map(({ path }) => path)
    for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
      const object = disk.look(path)
      if (typeof object !== 'object') continue
      if (object.id !== undefined) ids.add(object.id)
      if (object.kind === 'directory') for (const name of await disk.list(path)) paths.push(joinPath(path, name))
    }
    return ids
  }

  /** Whether it was moved, or has another name that is there still. */
  async #isFound({ path, shown: { objects } }: Gone, found: ReadonlySet<ObjectId>): Promise<boolean> {
    if (objects.some(({ entry }) => found.has(entry.id))) return true
    const { entry } = objects[0]
    if (entry.kind === 'directory' || entry.placement.value.places.length === 1) return false
    for (const home of await pathsOf(this.#before, entry)) {
      const there = home.path === path ? undefined : this.#options.disk.look(home.path)
      if (there === 'busy' || (typeof there === 'object' && there.id === entry.id)) return true
    }
    return false
  }
}

function isDirectory({ objects }: Shown): boolean {
  return objects[0].entry.kind === 'directory'
}

function isFile({ shown }: Pick<Gone, 'shown'>): boolean {
  return shown.objects[0].entry.kind === 'file'
}
