/**
 * Brings what the journal holds into blocks and stubs, and then drops it from the journal.
 *
 * The order is what makes it safe: blocks and journal durable, then stub slots written, then stubs durable, then the
 * journal's old segments dropped. A crash anywhere leaves the journal's records to be applied again.
 */

import { Mutex } from '../concurrency/mutex.ts'
import type { BlockRef, Cid, StubState } from '../dfs.ts'
import { kindOf } from '../errors.ts'
import { logger, warn } from '../log.ts'
import { closeFd, O, openAt, syncFilesystem } from '../posix/files.ts'
import { type Stat, statFd } from '../posix/stat.ts'
import type { Committer } from './committer.ts'
import type { ContentSnapshot } from './file-content.ts'
import { sealSnapshot } from './seal-snapshot.ts'
import type { Services } from './services.ts'
import type { StubFile } from './stub-file.ts'
import { writeStub } from './stub-io.ts'
import type { Versions } from './versions.ts'

const log = logger('checkpoint')

/** Files brought over between two syncs: bounds the memory that pins and frozen chunks take. */
const BATCH_FILES_MAX = 1024
const BATCH_BYTES_MAX = 64 * 1024 * 1024
const FILES_AT_ONCE = 64

export interface CheckpointOptions {
  /** Commits what is changed first, whoever is writing. */
  all?: boolean
  /** The same, but for files cut to nothing whose new content is still to come. */
  unsettled?: boolean
}

interface Sealed {
  readonly file: StubFile
  readonly snapshot: ContentSnapshot
  readonly state: StubState
  /** Blocks made by this checkpoint. */
  readonly pinned: BlockRef[]
  /** Blocks made before, by writers, that no sync has covered yet. */
  readonly unsynced: Cid[]
  readonly allocatedBytes: number
  /** The stub as it was written, for the index. */
  stat?: Stat
}

export class Checkpointer {
  readonly #services: Services
  readonly #committer: Committer
  readonly #versions: Versions
  readonly #mutex = new Mutex()
  /** When the last one ended, in ms of the monotonic clock. */
  endedAt = performance.now()

  constructor(services: Services, { committer, versions }: { committer: Committer; versions: Versions }) {
    this.#services = services
    this.#committer = committer
    this.#versions = versions
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

  async #run({ all = false, unsettled = false }: CheckpointOptions): Promise<void> {
    const { journal } = this.#services
    const { changed } = this.#committer
    if (all || unsettled) {
      for (const file of [...changed]) if (all || !file.held) await this.#committer.flush(file)
    }
    if (this.#committer.journaled.size === 0 && journal.empty) return
    const mark = journal.rotate()
    let complete = true
    for (const batch of batches([...this.#committer.journaled])) {
      const done = await this.#runBatch(batch)
      complete &&= done
    }
    if (complete) journal.dropThrough(mark)
  }

  /** Resolves to whether all files of the batch came through. */
  async #runBatch(files: StubFile[]): Promise<boolean> {
    const ready = files.filter((file) => file.needsCheckpoint && this.#isReady(file))
    const skipped = files.some((file) => file.needsCheckpoint && !ready.includes(file))
    const sealed: Sealed[] = []
    const failures: unknown[] = []
    const queue = ready[Symbol.iterator]()
    const work = async () => {
      for (const file of queue)
        await this.#sealFile(file).then(
          (one) => sealed.push(one),
          (error) => failures.push(error),
        )
    }
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, work))
    try {
      await this.#store(sealed)
    } finally {
      for (const { file, pinned } of sealed) {
        file.checkpointing = false
        this.#services.sealer.unpin(pinned)
        this.#committer.release(file.inode)
      }
    }
    if (failures.length > 0) throw failures[0]
    return !skipped
  }

  /** What is not committed is committed first, so that a stub never shows more than the journal knows. */
  #isReady(file: StubFile): boolean {
    if (!file.changed) return true
    if (this.#committer.isUnsettled(file)) return false
    this.#committer.commit(file)
    return true
  }

  async #sealFile(file: StubFile): Promise<Sealed> {
    const content = this.#committer.contentOf(file)
    const { fileId, sequence, meta } = file
    const unsynced = [...file.unsynced]
    const snapshot = content.snapshot()
    file.checkpointing = true
    try {
      const { content: made, pinned, allocatedMoreBytes } = await sealSnapshot(snapshot, this.#services)
      const allocatedBytes =
        made.kind === 'inline' ? meta.size : Math.min(meta.size, file.allocatedBytes + allocatedMoreBytes)
      return { file, snapshot, state: { fileId, sequence, meta, content: made }, pinned, unsynced, allocatedBytes }
    } catch (error) {
      content.settle(snapshot)
      file.checkpointing = false
      throw error
    }
  }

  async #store(sealed: Sealed[]): Promise<void> {
    const { store, journal, tree } = this.#services
    let stored = 0
    try {
      const blocks = sealed.flatMap(({ unsynced, pinned }) => [...unsynced, ...pinned.map(({ cid }) => cid)])
      if (blocks.length > 0) await store.sync(blocks)
      await journal.sync()
      for (const { file } of sealed) this.#versions.keepReplaced(file)
      const written = sealed.filter((one) => this.#writeStub(one))
      if (written.length > 0) await syncFilesystem(tree.rootFd)
      for (const one of sealed) {
        this.#settle(one)
        stored++
      }
      log('%d files in %d blocks', written.length, blocks.length)
    } finally {
      for (const { file, snapshot } of sealed.slice(stored)) file.content?.settle(snapshot)
    }
  }

  /** False if the file has lost its last name meanwhile. */
  #writeStub(sealed: Sealed): boolean {
    const { file, state } = sealed
    if (file.orphan) return false
    const { tree, keys } = this.#services
    try {
      tree.withStub(file.inode, O.RDWR, (fd) => {
        file.slot = writeStub(fd, state, file.slot, keys)
        sealed.stat = statFd(fd)
      })
    } catch (error) {
      if (kindOf(error) !== 'not-found' && kindOf(error) !== 'stale') throw error
      this.#writeNewStub(sealed)
    }
    return true
  }

  /** Somebody took the stub away below us, which nobody may do to a file with changes under way: it comes back. */
  #writeNewStub({ file, state }: Sealed): void {
    const { tree, keys } = this.#services
    const { inode } = file
    warn(`the stub of a changed file was gone and is made anew: ${tree.visiblePath(inode)}`)
    const dirFd = tree.directoryFd(inode.place.parent)
    const fd = openAt(dirFd, tree.storedName(inode), O.CREAT | O.EXCL | O.RDWR, 0o600)
    try {
      writeStub(fd, state, undefined, keys)
    } finally {
      closeFd(fd)
    }
    this.#committer.orphan(file)
  }

  #settle({ file, snapshot, state, unsynced, allocatedBytes, stat }: Sealed): void {
    file.content?.settle(snapshot, state.content)
    for (const cid of unsynced) file.unsynced.delete(cid)
    if (file.orphan) return
    file.stubSequence = state.sequence
    file.allocatedBytes = allocatedBytes
    file.contentChanged = file.contentChanged && file.changed
    file.isClosedVersion = file.writers === 0
    if (!file.needsCheckpoint) this.#committer.journaled.delete(file)
    if (stat !== undefined) this.#services.index.put(stat, { ...state, allocatedBytes })
  }
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
