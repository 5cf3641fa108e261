/**
 * Bringing a folder back that heads tell of: a directory of stubs, whose content comes when it is opened.
 *
 * It keeps its id. A directory that something stopped half way is gone on with; one that is whole already is left alone.
 */
import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { byteStringOf, textOf } from '../../bytes/byte-string.ts'
import { Slices } from '../../concurrency/slices.ts'
import type { BlockSource, BlockStore, OnProgress } from '../../dfs.ts'
import { DfsError, type ErrorKind, kindOf } from '../../errors.ts'
import type { HeadEntry } from '../../format/head-entry.ts'
import type { SyncEntry } from '../../format/sync-entry.ts'
import { logger } from '../../log.ts'
import { fromNodeError } from '../../posix/errno.ts'
import { closeFd, O, openAt } from '../../posix/files.ts'
import { digestOf } from '../../seal/hash.ts'
import type { Keys } from '../../seal/keys.ts'
import type { DeviceNames } from '../../sync/conflict-name.ts'
import { applyHead } from '../../sync/head-apply.ts'
import { mergeHeads } from '../../sync/head-merge.ts'
import { readHead } from '../../sync/head-read.ts'
import { restoringAs } from '../../sync/head-restoring.ts'
import { HeadNodes } from '../../sync/head-store.ts'
import { readIndexTree } from '../../sync/index-tree.ts'
import { entriesKnown } from '../../sync/known-entries.ts'
import type { SyncIndex } from '../../sync/sync-index.ts'
import { readMarker, writeMarker } from '../../vfs/marker.ts'
import type { OpenIndex } from '../sync/running-sync.ts'
import type { FoundFolder } from './found-heads.ts'
import { rootOf } from './made-head.ts'

const log = logger('heads')
const AT_FDCWD = -100
/** Whoever has the nodes may be connecting again. */
const TRIES_MAX = 5
const TRY_AGAIN_MS = 1_000
const TAKEN_AT_ONCE = 1_000
const AWAY: ReadonlySet<ErrorKind> = new Set(['unreachable', 'timeout'])

/** A folder that an index is of. */
export interface IndexedFolder {
  /** 32 hex digits. */
  readonly id: string
  /** A descriptor of its directory. */
  readonly directoryFd: number
}

export interface BringingBackOptions {
  readonly store: BlockStore
  readonly source: BlockSource
  readonly keys: Keys
  /** Folders come to be below it. */
  readonly directory: string
  /** Opens the index of a folder that is being brought back. */
  readonly openIndex: (folder: IndexedFolder) => Promise<OpenIndex>
  /** What people call a writer of an index. */
  readonly nameOfWriter: DeviceNames
  /** What people call a device. */
  readonly nameOf: (device: string) => string
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
}

export interface BroughtBack {
  /** Its directory. */
  readonly path: string
  /** Objects of all kinds; undefined if it was there already. */
  readonly objects: number | undefined
}

/**
 * Resolves once all of it is durable. Fails with `busy` if an older state of it was stopped half way there, and as fetching
 * nodes and making stubs do; then it can be called again.
 */
export async function bringBack(found: FoundFolder, options: BringingBackOptions): Promise<BroughtBack> {
  const { path: at, isWhole } = await placeFor(found, options.directory)
  if (isWhole) return { path: at, objects: undefined }
  for (let tries = 1; ; tries++) {
    try {
      return { path: at, objects: await apply(found, at, options) }
    } catch (error) {
      if (!AWAY.has(kindOf(error)) || tries === TRIES_MAX) throw error
      await delay(TRY_AGAIN_MS, undefined, { signal: options.signal })
    }
  }
}

async function apply(found: FoundFolder, at: string, options: BringingBackOptions): Promise<number> {
  const { store, source, keys, signal } = options
  let objects = 0
  const onProgress: OnProgress = (progress) => {
    objects = progress.done
    options.onProgress({ ...progress, item: at })
  }
  const rootFd = openAt(AT_FDCWD, byteStringOf(at), O.RDONLY | O.DIRECTORY)
  try {
    using nodes = new HeadNodes({ store, keys, source, signal, slices: new Slices() })
    const folder = { id: found.id.toString('hex'), directoryFd: rootFd }
    await applyHead(entriesOf(found, folder, nodes, options), {
      rootFd,
      keys,
      name: markOf(found),
      signal,
      onProgress,
      onLeftOut: (place, why) => log('%s: %s', textOf(place), why.message),
      beforeEnd: async () => void (await writeMarker(rootFd, keys.keyId.toString('hex'), folder.id)),
    })
    return objects
  } finally {
    closeFd(rootFd)
  }
}

/**
 * What is to be made. If all heads have an index, these are taken, durably, before the first entry comes, and then the
 * newest tree is enough: the index brings what only others have.
 */
async function* entriesOf(
  found: FoundFolder,
  folder: IndexedFolder,
  nodes: HeadNodes,
  options: BringingBackOptions,
): AsyncGenerator<HeadEntry> {
  const indexes = found.heads.flatMap(({ folder: { index } }) => (index === undefined ? [] : [index]))
  if (indexes.length < found.heads.length || indexes.length === 0) return yield* mergedEntries(found, nodes, options)
  const { index, close } = await options.openIndex(folder)
  try {
    for (const root of indexes) await takeIndex(index, readIndexTree(root, nodes))
    const newest = readHead(rootOf(found.heads[0]!.folder), nodes)
    yield* entriesKnown(newest, index, options.nameOfWriter)
  } finally {
    await close()
  }
}

async function takeIndex(index: SyncIndex, entries: AsyncIterable<SyncEntry>): Promise<void> {
  const some: SyncEntry[] = []
  for await (const entry of entries) {
    some.push(entry)
    if (some.length === TAKEN_AT_ONCE) await index.take('', some.splice(0), undefined)
  }
  await index.take('', some, undefined)
}

function mergedEntries(
  { heads }: FoundFolder,
  nodes: HeadNodes,
  { nameOf }: BringingBackOptions,
): AsyncIterable<HeadEntry> {
  const [first, ...others] = heads
  if (first !== undefined && others.length === 0) return readHead(rootOf(first.folder), nodes)
  return mergeHeads(
    heads.map(({ head, folder }) => ({ device: nameOf(head.device), entries: readHead(rootOf(folder), nodes) })),
  )
}

/** A directory that is new, empty, half made of these very heads, or the folder itself; its name is like that of the folder. */
async function placeFor(found: FoundFolder, directory: string): Promise<{ path: string; isWhole: boolean }> {
  await makeDirectory(directory)
  for (let attempt = 1; ; attempt++) {
    const name = directoryName(found.name)
    const at = path.join(directory, attempt === 1 ? name : `${name} (${attempt})`)
    if (await makeDirectory(at)) return { path: at, isWhole: false }
    const mark = markAt(at)
    if (mark !== undefined && mark === markOf(found)) return { path: at, isWhole: false }
    if (mark?.startsWith(beginningOf(found)) === true) {
      throw new DfsError('busy', 'an older state of the folder was stopped half way there', {
        op: 'recover',
        subject: at,
        mend: `remove ${at} and run "dfs recover" again`,
      })
    }
    if (mark !== undefined) continue
    const id = await readMarker(at).then(
      (marker) => marker?.id,
      () => undefined,
    )
    if (id === found.id.toString('hex')) return { path: at, isWhole: true }
    if (id === undefined && (await readdir(at).catch(() => ['?'])).length === 0) return { path: at, isWhole: false }
  }
}

/** Names the heads that it is made of, so that another state is never mixed with it. */
function markOf(found: FoundFolder): string {
  const cids = found.heads.map(({ folder }) => folder.root.cid).join()
  return beginningOf(found) + digestOf(Buffer.from(cids)).toString('hex', 0, 16)
}

function beginningOf({ id }: FoundFolder): string {
  return `folder ${id.toString('hex')} of heads `
}

/** What a directory is marked as becoming; undefined for anything else. */
function markAt(at: string): string | undefined {
  try {
    const fd = openAt(AT_FDCWD, byteStringOf(at), O.PATH | O.DIRECTORY)
    try {
      return restoringAs(fd)
    } finally {
      closeFd(fd)
    }
  } catch (error) {
    if (kindOf(error) === 'not-a-directory') return undefined
    throw error
  }
}

/** A name that leads nowhere else, whatever a device called its folder. */
function directoryName(name: string): string {
  const plain = name.replaceAll('/', '_')
  return plain === '.' || plain === '..' ? '_' : plain
}

/** Whether it was not there. */
async function makeDirectory(at: string): Promise<boolean> {
  try {
    return (await mkdir(at, { recursive: true, mode: 0o700 })) !== undefined
  } catch (error) {
    const failure = fromNodeError(error, 'recover', at)
    if (failure.kind === 'exists') return false
    throw failure
  }
}
