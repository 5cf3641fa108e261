/** Heads of real directories of stubs, for tests: walked, and made again elsewhere. */
import assert from 'node:assert/strict'
import { byteStringOf } from '../../../src/bytes/byte-string.ts'
import type { DfsError } from '../../../src/errors.ts'
import type { HeadEntry } from '../../../src/format/head-entry.ts'
import { closeFd, O, openAt } from '../../../src/posix/files.ts'
import { applyHead } from '../../../src/sync/head-apply.ts'
import { buildHead } from '../../../src/sync/head-build.ts'
import type { HeadRoot } from '../../../src/sync/head-nodes.ts'
import { readHead } from '../../../src/sync/head-read.ts'
import { FolderWalk, type FolderWalkOptions } from '../../../src/sync/head-walk.ts'
import { temporaryDirectory } from '../vfs/support.ts'
import { entriesOf, KEYS, type MemoryNodes } from './support.ts'

const AT_FDCWD = -100

export interface FolderHead {
  readonly root: HeadRoot
  readonly plainFiles: number
  /** `PATH KIND` for each object. */
  readonly leftOut: string[]
}

export async function headOf(
  directory: string,
  nodes: MemoryNodes,
  onLeftOut: FolderWalkOptions['onLeftOut'] = () => undefined,
): Promise<FolderHead> {
  const leftOut: string[] = []
  const note = (at: string, { kind }: DfsError) => void leftOut.push(`${at} ${kind}`)
  return withOpen(directory, async (rootFd) => {
    const walk = new FolderWalk({
      rootFd,
      keys: KEYS,
      onXattrsLeftOut: note,
      onLeftOut: (at, why) => {
        note(at, why)
        return onLeftOut(at, why)
      },
    })
    const root = await buildHead(walk, nodes)
    return { root, plainFiles: walk.plainFiles, leftOut }
  })
}

/** Waits after each entry for what is done to the folder meanwhile. */
export function walkFolder(directory: string, onEntry: (entry: HeadEntry) => Promise<void>): Promise<void> {
  return withOpen(directory, async (rootFd) => {
    for await (const entry of new FolderWalk({ rootFd, keys: KEYS })) await onEntry(entry)
  })
}

export function apply(
  entries: AsyncIterable<HeadEntry> | Iterable<HeadEntry>,
  directory: string,
  name = 'one head',
): Promise<void> {
  const onLeftOut = (at: string, why: DfsError) => assert.fail(`${at}: ${why.message}`)
  return withOpen(directory, (rootFd) => applyHead(entries, { rootFd, keys: KEYS, name, onLeftOut }))
}

/** Brings a tree back into a new directory and sees that it is the same there. */
export async function assertComesBack(root: HeadRoot, nodes: MemoryNodes): Promise<string> {
  const directory = temporaryDirectory()
  await apply(readHead(root, nodes), directory)
  await assertIs(directory, root, nodes)
  return directory
}

export async function assertIs(directory: string, root: HeadRoot, nodes: MemoryNodes): Promise<void> {
  const found = await headOf(directory, nodes)
  if (found.root.ref.cid !== root.ref.cid) {
    assert.deepEqual(await entriesOf(found.root, nodes), await entriesOf(root, nodes))
  }
  assert.deepEqual(found.root, root)
}

/** Through a descriptor that stands for the directory and can do nothing else, as the daemon may have one. */
async function withOpen<T>(directory: string, use: (fd: number) => Promise<T>): Promise<T> {
  const fd = openAt(AT_FDCWD, byteStringOf(directory), O.PATH | O.DIRECTORY)
  try {
    return await use(fd)
  } finally {
    closeFd(fd)
  }
}
