/**
 * What of a head's tree is to be made when an index comes back with it, which knows more: of other devices, and of what
 * became of an object since. What is left out here and is there all the same, the index brings.
 */
import type { HeadEntry } from '../format/head-entry.ts'
import { isAtOrBelow } from '../format/head-path.ts'
import type { SyncEntry } from '../format/sync-entry.ts'
import type { DeviceNames } from './conflict-name.ts'
import { isAlive, isSameContent } from './entry-merge.ts'
import { pathsOf, shownAt } from './find-shown.ts'
import { ShownTree } from './shown-tree.ts'
import type { SyncIndex } from './sync-index.ts'

type DirectoryEntry = Extract<HeadEntry, { kind: 'directory' | 'fifo' }>
type FileEntry = Extract<HeadEntry, { kind: 'file' }>

/**
 * The entries that the index shows as they are, files that it has not heard of or that were written later than it knows, and
 * the directories that these are in. Entries come in the order of their paths, and go so.
 */
export async function* entriesKnown(
  entries: AsyncIterable<HeadEntry>,
  index: SyncIndex,
  deviceName: DeviceNames,
): AsyncGenerator<HeadEntry> {
  const tree = new ShownTree(index, deviceName)
  /** Directories that are made only if something in them is. */
  let waiting: DirectoryEntry[] = []
  using _remembered = index.remember()
  for await (const entry of entries) {
    waiting = waiting.filter(({ path }) => isAtOrBelow(entry.path, path))
    if (await isToBeMade(entry, index, tree)) {
      yield* waiting.splice(0)
      yield entry
    } else if (entry.kind === 'directory') waiting.push(entry)
  }
}

async function isToBeMade(entry: HeadEntry, index: SyncIndex, tree: ShownTree): Promise<boolean> {
  if (entry.path === '') return true
  if (entry.kind === 'file') {
    const known = await index.get(entry.state.fileId.toString('hex'))
    if (known !== undefined) return isFileToBeMade(entry, known, tree)
    return true
  }
  const shown = (await shownAt(tree, entry.path))?.objects[0].entry
  if (shown?.kind !== entry.kind) return false
  return entry.kind !== 'symlink' || isSameContent({ kind: 'symlink', target: entry.target }, shown.content.value!)
}

async function isFileToBeMade({ path, state }: FileEntry, known: SyncEntry, tree: ShownTree): Promise<boolean> {
  if (!isAlive(known)) return false
  const { content, meta } = state
  const isSame = isSameContent({ kind: 'file', size: meta.size, content }, known.content.value!)
  if (!isSame) return meta.mtimeNs > known.mtime.value
  return (await pathsOf(tree, known)).some((one) => one.path === path)
}
