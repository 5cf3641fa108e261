/**
 * Brings what the journal holds into blocks and stubs, and then drops it from the journal.
 *
 * The order is what makes it safe: blocks and journal durable, then stub slots written, then stubs durable, then the
 * journal's old segments dropped. A crash anywhere leaves the journal's records to be applied again.
 */
import { textOf } from '../bytes/byte-string.ts'
import { Mutex } from '../concurrency/mutex.ts'
import type { BlockRef, Cid, StubState } from '../dfs.ts'
import { kindOf } from '../errors.ts'
import { logger, warn } from '../log.ts'
import { closeFd, O, openAt, syncFilesystem } from '../posix/files.ts'
import { type Stat, statFd } from '../posix/stat.ts'
import { type Slot, writeStub } from '../seal/stub-io.ts'
import { whileReachable } from './closed-directories.ts'
import type { Committer } from './committer.ts'
import type { ContentSnapshot, FileContent } from './file-content.ts'
import { sealSnapshot } from './seal-snapshot.ts'
import type { Services } from './services.ts'
import type { StubFile } from './stub-file.ts'
import type { Versions } from './versions.ts'

const log = logger('checkpoint')

/** Files brought over between two syncs: bounds the memory that pins and frozen chunks take. */
const BATCH_FILES_MAX = 1024
const BATCH_BYTES_MAX = 64 * 1024 * 1024
const FILES_AT_ONCE = 64

export interface CheckpointOptions {
  /** Commits what is changed first, whoever is writing. */
  all?: boolean
}

export interface CheckpointerParts {
  committer: Committer
  versions: Versions
  /** For tests that want to know when, or have it fail. */
  syncFilesystem?: typeof syncFilesystem
}

interface Sealed {
  readonly file: StubFile
  readonly content: FileContent
  readonly snapshot: ContentSnapshot
  readonly state: StubState
  /** Blocks made by this checkpoint. */
  readonly pinned: BlockRef[]
  readonly allocatedBytes: number
  /** Where in the stub it was written, and the stub's state after, for the index. */
  slot?: Slot
  stat?: Stat
  /** So many changes of the stub itself are durable with it. */
  stubChanges?: number
}

export class Checkpointer {
  readonly #services: Services
  readonly #committer: Committer
  readonly #versions: Versions
  readonly #syncFilesystem: typeof syncFilesystem
  readonly #mutex = new Mutex()
  /** Since the last rotation of the journal. */
  #isFolderSynced = false
  /** When the last one ended, in ms of the monotonic clock. */
  endedAt = performance.now()

  constructor(services: Services, parts: CheckpointerParts) {
    this.#services = services
    this.#committer = parts.committer
    this.#versions = parts.versions
    this.#syncFilesystem = parts.syncFilesystem ?? syncFilesystem
  }

  /**
   * Brings every file with journaled changes into its stub; files in the middle of a write wait for the next time.
   * Fails with `no-space` or `io`: then the journal still holds everything.
   */
  run(options: CheckpointOptions = {}): Promise<void> {
    return this.#mutex.run(async () => {
      try {
        await this.#run(options)
      } finally {
        this.endedAt = performance.now()
      }
    })
  }

  /** Runs something that no checkpoint may overlap. */
  exclusively<T>(work: () => T | Promise<T>): Promise<T> {
    return this.#mutex.run(work)
  }

  async #run({ all = false }: CheckpointOptions): Promise<void> {
    const { journal } = this.#services
    const { changed, journaled } = this.#committer
    const failures: unknown[] = []
    if (all) for (const file of [...changed]) await this.#flush(file, failures)
    if (journaled.size > 0 || !journal.empty) {
      const mark = journal.rotate()
      this.#isFolderSynced = false
      let complete = true
      for (const batch of batches([...journaled])) complete = (await this.#runBatch(batch, failures)) && complete
      if (complete && failures.length === 0) await this.#dropThrough(mark)
    }
    if (failures.length > 0) throw failures[0]
  }

  async #flush(file: StubFile, failures: unknown[]): Promise<void> {
    try {
      await this.#committer.flush(file)
    } catch (error) {
      file.failure ??= error
      failures.push(error)
    }
  }

  async #dropThrough(mark: number): Promise<void> {
    // Names that were changed, and stubs that an earlier run wrote before it was killed, may be nowhere else yet.
    if (!this.#isFolderSynced) await this.#syncFilesystem(this.#services.tree.rootFd)
    this.#isFolderSynced = true
    this.#services.journal.dropThrough(mark)
  }

  /** Resolves to whether no file has to wait for the next time. One that fails stands in nobody's way. */
  async #runBatch(files: StubFile[], failures: unknown[]): Promise<boolean> {
    const sealed: Sealed[] = []
    let complete = true
    const queue = files[Symbol.iterator]()
    const work = async () => {
      for (const file of queue) {
        try {
          // What is not committed is committed first, so that a stub never shows more than the journal knows.
          while (file.changed) if (!(await this.#committer.commitUnasked(file))) break
          if (!file.needsCheckpoint) continue
          if (file.changed) complete = false
          else sealed.push(await this.#sealFile(file))
        } catch (error) {
          failures.push(error)
        }
      }
    }
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, work))
    try {
      await this.#store(sealed, failures)
    } catch (error) {
      failures.push(error)
    } finally {
      for (const { file, content, snapshot, pinned } of sealed) {
        // Settled for those that came through.
        if (file.checkpointing) content.settle(snapshot)
        file.checkpointing = false
        this.#services.sealer.unpin(pinned)
        this.#committer.release(file.inode)
      }
    }
    return complete
  }

  /** Takes the file as it is at the call, which must be as it was committed last. */
  async #sealFile(file: StubFile): Promise<Sealed> {
    const content = this.#committer.contentOf(file)
    const { fileId, sequence, meta } = file
    const snapshot = content.snapshot()
    file.checkpointing = true
    try {
      const { content: made, pinned, allocatedMoreBytes } = await sealSnapshot(snapshot, this.#services)
      const allocatedBytes =
        made.kind === 'inline' ? meta.size : Math.min(meta.size, file.allocatedBytes + allocatedMoreBytes)
      return { file, content, snapshot, state: { fileId, sequence, meta, content: made }, pinned, allocatedBytes }
    } catch (error) {
      file.checkpointing = false
      content.settle(snapshot)
      throw error
    }
  }

  async #store(sealed: Sealed[], failures: unknown[]): Promise<void> {
    const { journal, tree } = this.#services
    if (sealed.length === 0) return
    const durable = await this.#syncBlocks(sealed, failures)
    await journal.sync()
    const written: Sealed[] = []
    for (const one of durable) {
      try {
        this.#versions.keepReplaced(one.file)
        this.#writeStub(one)
        one.stubChanges = one.file.stubChanges
        written.push(one)
      } catch (error) {
        failures.push(error)
      }
    }
    if (written.length === 0) return
    await this.#syncFilesystem(tree.rootFd)
    this.#isFolderSynced = true
    for (const one of written) this.#settle(one)
    log('%d files', written.length)
  }

  /** Makes all blocks durable that the new states name. Resolves to the files of which that is true. */
  async #syncBlocks(sealed: Sealed[], failures: unknown[]): Promise<Sealed[]> {
    const { store } = this.#services
    const blocks = sealed.flatMap(blocksOf)
    try {
      if (blocks.length > 0) await store.sync(blocks)
      return sealed
    } catch {
      // Some block cannot be: find out whose.
    }
    const durable: Sealed[] = []
    for (const one of sealed) {
      try {
        await store.sync(blocksOf(one))
        durable.push(one)
      } catch (error) {
        failures.push(error)
      }
    }
    return durable
  }

  /** Does nothing for a file that has lost its last name meanwhile. */
  #writeStub(sealed: Sealed): void {
    const { file, state } = sealed
    if (file.orphan) return
    const { tree, keys } = this.#services
    try {
      whileReachable(tree, file.inode, () =>
        tree.withStub(file.inode, O.RDWR, (fd) => {
          sealed.slot = writeStub(fd, state, file.slot, keys)
          sealed.stat = statFd(fd)
        }),
      )
    } catch (error) {
      if (kindOf(error) !== 'not-found' && kindOf(error) !== 'stale') throw error
      this.#writeNewStub(sealed)
    }
  }

  /** Somebody took the stub away below us, which nobody may do to a file with changes under way: it comes back. */
  #writeNewStub(sealed: Sealed): void {
    const { file, state } = sealed
    const { tree, keys, table } = this.#services
    const { inode } = file
    warn(`the stub of a changed file was gone and is made anew: ${textOf(tree.visiblePath(inode))}`)
    const dirFd = tree.directoryFd(inode.place.parent)
    const fd = openAt(dirFd, tree.storedName(inode), O.CREAT | O.EXCL | O.RDWR, 0o600)
    try {
      sealed.slot = writeStub(fd, state, undefined, keys)
      sealed.stat = statFd(fd)
      table.becomeStub(inode, sealed.stat, file)
    } finally {
      closeFd(fd)
    }
  }

  #settle({ file, content, snapshot, state, allocatedBytes, slot, stat, stubChanges }: Sealed): void {
    file.checkpointing = false
    content.settle(snapshot, state.content)
    if (file.orphan) return
    file.slot = slot
    file.stubSequence = state.sequence
    file.allocatedBytes = allocatedBytes
    file.contentChanged = file.contentChanged && (file.changed || file.needsCheckpoint)
    file.isClosedVersion = file.writers === 0
    if (stubChanges !== undefined) file.stubSynced(stubChanges)
    if (!file.needsCheckpoint) this.#committer.journaled.delete(file)
    if (stat !== undefined) this.#services.index.put(stat, { ...state, allocatedBytes })
    this.#services.changes.object(file.inode)
  }
}

/** Blocks of a state that no checkpoint has synced yet: those that writers sealed, and those made now. */
function blocksOf({ snapshot, pinned }: Sealed): Cid[] {
  const cids = pinned.map(({ cid }) => cid)
  for (const ref of snapshot.sealed.overlay.values()) if (ref !== undefined) cids.push(ref.cid)
  return cids
}

function* batches(files: StubFile[]): Generator<StubFile[]> {
  let batch: StubFile[] = []
  let bytes = 0
  for (const file of files) {
    batch.push(file)
    bytes += file.content?.dirtyBytes ?? 0
    if (batch.length < BATCH_FILES_MAX && bytes < BATCH_BYTES_MAX) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}
