/**
 * Brings changes from memory into the journal: what `close` and `fsync` promise.
 *
 * A commit is one record, appended in one go: a crash leaves all of it or nothing. It names only blocks that are in
 * the store; `fsync` returns when they and the record are durable, the blocks first.
 */
import { whenReady } from '../concurrency/when-ready.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { logger } from '../log.ts'
import { closeFd, O, syncFd } from '../posix/files.ts'
import { statFd } from '../posix/stat.ts'
import { inRecords } from './commit-records.ts'
import type { DirtyChunk } from './dirty-chunk.ts'
import { FileContent } from './file-content.ts'
import type { Inode } from './inode-table.ts'
import type { Awaitable } from './operations.ts'
import type { Services } from './services.ts'
import type { StubFile } from './stub-file.ts'

const log = logger('vfs')

/** What a commit may carry itself, in bytes; what is more goes into blocks first. */
const PATCH_BYTES_MAX = 4 * 1024 * 1024
/** A chunk with so many new bytes is worth a block of its own. */
const CHUNK_WORTH_SEALING_BYTES = 128 * 1024
/** The kernel cuts a write into requests of this size; one as large may be followed by the rest of its write. */
const WRITE_REQUEST_BYTES_MAX = 128 * 1024
const WRITE_SETTLES_MS = 1000
/** What came while a commit waited may make its record larger, up to here. */
const RECORD_PATCH_BYTES_MAX = 32 * 1024 * 1024

export class Committer {
  readonly #services: Services
  /** Files with something that is in no journal record. */
  readonly changed = new Set<StubFile>()
  /** Files with something in the journal that is not in their stub. */
  readonly journaled = new Set<StubFile>()
  /** Files without a name that are still open. */
  readonly #orphans = new Set<StubFile>()
  /** Chunks being sealed in the background, of all files, and how many bytes they are. */
  readonly sealing = new Set<Promise<void>>()
  sealingBytes = 0
  /** When the last record was appended, in ms of the monotonic clock. */
  committedAt = 0

  constructor(services: Services) {
    this.#services = services
  }

  /** The content of a file, read from its stub the first time. */
  contentOf(file: StubFile): FileContent {
    if (file.content !== undefined) return file.content
    const { tree, reader, dirty } = this.#services
    const { state, slot } = tree.withStub(file.inode, O.RDONLY, (fd) => tree.loadFd(fd, statFd(fd)))
    // Written to since it was looked up, by nobody of ours: the index can also be behind a stub that a crash overtook.
    if (state.sequence !== file.sequence) file.update(state)
    file.slot = slot
    file.content = new FileContent(state.content, state.meta.size, { reader, dirty })
    return file.content
  }

  /** The content of a file that was made this moment: nothing of it is to be read. */
  contentOfNew(file: StubFile): void {
    const { reader, dirty } = this.#services
    file.content = new FileContent({ kind: 'inline', bytes: Buffer.alloc(0) }, 0, { reader, dirty })
  }

  /** Says that a file is about to change; its content is loaded when this returns. */
  touch(file: StubFile): FileContent {
    const content = this.contentOf(file)
    if (!file.changed && !file.orphan) {
      file.changed = true
      file.changedAt = performance.now()
      this.changed.add(file)
    }
    return content
  }

  write(file: StubFile, offset: number, bytes: Buffer): void {
    const content = this.touch(file)
    const full = content.write(offset, bytes)
    this.noteWritten(file, bytes.length)
    for (const index of full) this.#sealInBackground(file, content.dirtyChunk(index)!)
  }

  /** A part of a write, of so many bytes, has come or was answered: the rest of it may follow. */
  noteWritten(file: StubFile, length: number): void {
    file.partialWriteAt = length >= WRITE_REQUEST_BYTES_MAX ? performance.now() : Number.NEGATIVE_INFINITY
  }

  /** Whether a commit now could show half of a write, or a file cut to nothing and not yet written again. */
  isUnsettled(file: StubFile): boolean {
    return file.held || file.unanswered > 0 || performance.now() - file.partialWriteAt < WRITE_SETTLES_MS
  }

  /** Everything written so far survives the death of this process once it resolves or returns. Fails as storing it fails, now. */
  flush(file: StubFile): Awaitable<void> {
    file.held = false
    file.partialWriteAt = Number.NEGATIVE_INFINITY
    if (!file.changed || file.orphan) return this.throwFailure(file)
    file.failure = undefined
    return whenReady(this.#settle(file), () => {
      this.throwFailure(file)
      this.commit(file)
    })
  }

  /**
   * The same for changes that nobody flushes, unless a commit now would split a write: then it resolves to false.
   * Fails as storing them fails; who writes, flushes or syncs next hears of it too.
   */
  async commitUnasked(file: StubFile): Promise<boolean> {
    if (!file.changed) return true
    if (this.isUnsettled(file)) return false
    file.failure = undefined
    await this.#settle(file)
    if (file.failure !== undefined) throw failureOf(file.failure)
    if (this.isUnsettled(file)) return false
    try {
      this.commit(file)
    } catch (error) {
      file.failure = error
      throw error
    }
    return true
  }

  /** Everything written so far survives power loss once it resolves. */
  async fsync(file: StubFile): Promise<void> {
    await this.flush(file)
    if (file.orphan) return
    const { store, journal } = this.#services
    const blocks = [...(file.content?.sealedSince() ?? [])]
    if (blocks.length > 0) await store.sync(blocks)
    // Where the stub's name may not be durable, that nothing of the name's past comes back is made durable as well.
    const { isStubUnsynced } = file
    await Promise.all([
      isStubUnsynced ? this.#syncStub(file) : undefined,
      isStubUnsynced || file.needsCheckpoint ? journal.sync() : undefined,
    ])
  }

  /**
   * Appends what has changed to the journal, in one record unless more chunks have changed than one can hold. Fails
   * with `no-space`; what was not appended stays uncommitted.
   */
  commit(file: StubFile): void {
    if (!file.changed || file.orphan) return
    const { journal } = this.#services
    const { inode, meta, fileId } = file
    const place = { ino: inode.statIno, btimeNs: inode.btimeNs, path: this.#pathOf(file) }
    for (const changes of inRecords(this.contentOf(file).changes(), meta.size)) {
      const { sequence } = file
      journal.append({
        kind: 'commit',
        place,
        fileId,
        baseSequence: sequence,
        sequence: sequence + 1,
        meta,
        ...changes,
      })
      file.sequence++
    }
    this.committedAt = performance.now()
    file.content?.committed()
    file.changed = false
    file.failure = undefined
    this.changed.delete(file)
    this.journaled.add(file)
    this.#services.changes.committed()
  }

  /** Commits a change that nothing depends on, if that is easily done; else a flush or the timer will. */
  tryCommit(file: StubFile): void {
    if (file.writers > 0 || this.isUnsettled(file)) return
    if ((file.content?.uncommittedBytes ?? 0) > PATCH_BYTES_MAX) return
    try {
      this.commit(file)
    } catch (error) {
      if (kindOf(error) !== 'no-space' && kindOf(error) !== 'over-quota') throw error
      log('no room to commit yet')
    }
  }

  /** Drops everything of a file that has lost its last name. */
  orphan(file: StubFile): void {
    file.orphan = true
    file.changed = false
    this.changed.delete(file)
    this.journaled.delete(file)
    this.#orphans.add(file)
    this.release(file.inode)
  }

  /** Has a file that was made without a name: nothing of it is stored before `storeAs`. */
  keepUnnamed(file: StubFile): void {
    file.orphan = true
    this.#orphans.add(file)
  }

  /** Makes such a file durable as the one at a path (of stored names), which it gets only after this has resolved. */
  async storeAs(file: StubFile, path: ByteString): Promise<void> {
    file.formerPath = path
    file.orphan = false
    this.#orphans.delete(file)
    this.touch(file)
    await this.fsync(file)
  }

  /** Frees what a file holds once nobody has it open and nothing of it waits to be stored. */
  release(inode: Inode): void {
    const { file } = inode
    if (file === undefined || inode.opens > 0 || file.isBusy) return
    this.#orphans.delete(file)
    file.unload()
    if (inode.heldFd !== undefined) closeFd(inode.heldFd)
    inode.heldFd = undefined
    this.#services.table.release(inode)
  }

  /**
   * Seals whatever is only in memory and may not be committed now, and commits nothing: files in the midst of a write,
   * and those without a name. Resolves to what the first of them failed with, if one did; that file remembers too.
   */
  async shed(): Promise<unknown> {
    const files = [...this.changed, ...this.#orphans]
    for (const file of files) {
      for (const chunk of [...(file.content?.dirtyChunks() ?? [])]) this.#sealInBackground(file, chunk)
    }
    await Promise.all(files.flatMap((file) => [...file.sealing]))
    return files.find(({ failure }) => failure !== undefined)?.failure
  }

  /** Seals one chunk now, so that its memory can go. Never fails: the file remembers. */
  #sealInBackground(file: StubFile, chunk: DirtyChunk): void {
    if (chunk.isFrozen) return
    chunk.freeze()
    const bytes = chunk.weight
    this.sealingBytes += bytes
    const sealing = this.#seal(file, chunk)
      .catch((error: unknown) => {
        log('sealing failed: %s', kindOf(error))
        file.failure ??= error
      })
      .finally(() => {
        chunk.thaw()
        this.sealingBytes -= bytes
        this.sealing.delete(sealing)
        file.sealingEnded(sealing)
        this.release(file.inode)
      })
    this.sealing.add(sealing)
    file.sealingBegan(sealing)
  }

  async #seal(file: StubFile, chunk: DirtyChunk): Promise<void> {
    const content = this.contentOf(file)
    const { sealer } = this.#services
    const ref = await content.withWhole(chunk, (plain) => sealer.seal('data', plain))
    if (content.adoptSealed(chunk, ref)) this.touch(file)
    sealer.unpin([ref])
  }

  /** Seals what is too much for a journal record, and waits for it; not for what is written meanwhile, if that is little. */
  #settle(file: StubFile): Awaitable<void> {
    const content = this.contentOf(file)
    this.#sealLarge(file, content)
    if (file.sealing.size === 0) return
    return Promise.all(file.sealing).then(() => {
      if (file.failure === undefined && content.uncommittedBytes > RECORD_PATCH_BYTES_MAX) return this.#settle(file)
    })
  }

  #sealLarge(file: StubFile, content: FileContent): void {
    let patchBytes = content.uncommittedBytes
    const largestFirst = [...content.uncommittedChunks()].sort((a, b) => b.uncommitted.bytes - a.uncommitted.bytes)
    for (const chunk of largestFirst) {
      const { bytes } = chunk.uncommitted
      const whole = bytes >= CHUNK_WORTH_SEALING_BYTES && chunk.valid.covers(0, content.extent(chunk.index))
      if (!whole && patchBytes <= PATCH_BYTES_MAX) continue
      this.#sealInBackground(file, chunk)
      patchBytes -= bytes
    }
  }

  async #syncStub(file: StubFile): Promise<void> {
    const { inode, stubChanges } = file
    const fd = inode.heldFd ?? this.#services.tree.open(inode, O.RDONLY)
    try {
      await syncFd(fd)
      file.stubSynced(stubChanges)
    } finally {
      if (fd !== inode.heldFd) closeFd(fd)
    }
  }

  #pathOf(file: StubFile): ByteString {
    const isNameless = file.inode.places.length === 0 && file.formerPath !== undefined
    return isNameless ? file.formerPath! : this.#services.tree.storedPath(file.inode)
  }

  /** Says what went wrong in the background, once. */
  throwFailure(file: StubFile): void {
    const { failure } = file
    file.failure = undefined
    if (failure !== undefined) throw failureOf(failure)
  }
}

function failureOf(failure: unknown): DfsError {
  return failure instanceof DfsError ? failure : new DfsError('io', 'a write could not be stored', { cause: failure })
}
