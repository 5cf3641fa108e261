/** The files of a folder as they are kept: which there are, where their content is, and bringing that here. */
import { Slices } from '../concurrency/slices.ts'
import type { BlockRef, ByteString, Ino, PlacedFile, StubState } from '../dfs.ts'
import { mayBeStub, RESERVED_NAME, visibleNameOfOther, visibleNameOfStub } from '../format/stored-name.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { iterateDirectory } from '../posix/listing.ts'
import { ManifestTree } from '../seal/manifest-tree.ts'
import { type FileState, stateOfStub } from './file-state.ts'
import { type HydrateOptions, hydrate } from './hydrate.ts'
import type { Services } from './services.ts'
import { type WalkedStub, type WalkOptions, walkStubs } from './stub-walk.ts'

export interface NamedEntry {
  /** As a mount shows it. */
  readonly name: ByteString
  readonly stored: ByteString
  readonly isDirectory: boolean
}

export class FolderFiles {
  readonly #services: Services

  constructor(services: Services) {
    this.#services = services
  }

  /**
   * Every stub at or below a visible path ('' for all), kept versions aside; paced, so that what is done with each may be
   * short work on this thread. Fails if a directory cannot be read.
   */
  async *list(inside: ByteString, { onPlain }: WalkOptions = {}): AsyncGenerator<WalkedStub> {
    const slices = new Slices()
    const onOwnPlain = onPlain && ((path: ByteString) => void (isReserved(path) || onPlain(path)))
    for await (const stub of walkStubs(this.#services, inside, { onPlain: onOwnPlain })) {
      await slices.next()
      if (!isReserved(stub.path)) yield stub
    }
  }

  /** Whether the file has changes that are not in its stub yet. */
  isDirty({ stat }: WalkedStub): boolean {
    return this.#services.table.peek(stat)?.file?.isBusy === true
  }

  /**
   * What is in a directory that is held by a lookup, by names alone: no stub is looked at, so that a hundred thousand take
   * no longer than a blink. A plain file that is named as a stub would be is taken for one here: it is found as `stored`.
   */
  async names(directory: Ino): Promise<NamedEntry[]> {
    const { table, tree } = this.#services
    const inode = table.get(directory)
    const slices = new Slices()
    const found = new Map<ByteString, NamedEntry>()
    const fd = openAt(tree.directoryFd(inode), '.', O.RDONLY | O.DIRECTORY)
    try {
      for (const batch of iterateDirectory(fd)) {
        await slices.next()
        for (const { name: stored, type } of batch) {
          if (inode === table.root && stored === RESERVED_NAME) continue
          const isFile = type === 'file'
          const name =
            isFile && mayBeStub(stored) ? visibleNameOfStub(stored) : isFile ? stored : visibleNameOfOther(stored)
          found.set(name, { name, stored, isDirectory: type === 'directory' })
        }
      }
    } finally {
      closeFd(fd)
    }
    return [...found.values()]
  }

  /** Of a file that is held by a lookup; undefined if it is none of dfs. */
  idOf(ino: Ino): Buffer | undefined {
    return this.#services.table.get(ino).file?.fileId
  }

  /** As of its stub. */
  stateOf(path: ByteString, state: StubState): Promise<FileState> {
    return stateOfStub(this.placed(path, state), this.#services)
  }

  placed(path: ByteString, state: StubState): PlacedFile {
    return { folderId: this.#services.folderId, path, state }
  }

  /** The blocks that a file's bytes are in, in their order; nodes of its manifest are fetched if they must be. */
  async *dataBlocks({ content, meta }: StubState): AsyncGenerator<BlockRef> {
    for await (const { ref, kind } of ManifestTree.of(content, meta.size).blocks(this.#services.reader)) {
      if (kind === 'data') yield ref
    }
  }

  /** See `hydrate`. */
  hydrate(state: Pick<StubState, 'content' | 'meta'>, options: HydrateOptions): Promise<number> {
    return hydrate(state, this.#services, options)
  }
}

function isReserved(path: ByteString): boolean {
  return path.startsWith(`${RESERVED_NAME}/`)
}
