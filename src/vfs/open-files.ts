/**
 * Open handles of files: reading, writing, and what happens when they are flushed, synced and closed.
 */
import { DfsError, describeError } from '../errors.ts'
import { warn } from '../log.ts'
import { closeFd, dataSyncFd, O, preadFd, pwriteFd, syncFd } from '../posix/files.ts'
import { allocateFd, FALLOCATE, seekFd } from '../posix/holes.ts'
import { nowNs } from './clock.ts'
import type { Committer } from './committer.ts'
import { copyContent } from './copy-range.ts'
import type { FileContent } from './file-content.ts'
import { dataWithin, seekContent } from './holes.ts'
import type { Inode } from './inode-table.ts'
import type { Awaitable, FilePosition, WriteOptions } from './operations.ts'
import { ReadAhead } from './read-ahead.ts'
import type { Services } from './services.ts'
import type { StubFile } from './stub-file.ts'

interface OpenFile {
  readonly inode: Inode
  readonly file: StubFile | undefined
  /** Of a plain file. */
  readonly fd: number | undefined
  readonly writes: boolean
  readonly readAhead: ReadAhead
}

const READ_AHEAD_BYTES_MAX = 16 * 1024 * 1024

export class OpenFiles {
  readonly #services: Services
  readonly #committer: Committer
  /** Makes room in memory when too much of it is dirty. */
  readonly #relieve: () => Promise<void> | undefined
  readonly #open = new Map<number, OpenFile>()
  #next = 1

  constructor(
    services: Services,
    { committer, relieve }: { committer: Committer; relieve: () => Promise<void> | undefined },
  ) {
    this.#services = services
    this.#committer = committer
    this.#relieve = relieve
  }

  get count(): number {
    return this.#open.size
  }

  /** Opens a stub's or plain file. Fails with `corrupt` and the like if the stub cannot be read. */
  open(inode: Inode, flags: number, options?: WriteOptions): number {
    if (inode.kind === 'directory') throw new DfsError('is-a-directory', 'it is a directory')
    const { file } = inode
    const writes = (flags & O.ACCMODE) !== O.RDONLY
    if (file !== undefined) this.#committer.contentOf(file)
    const fd = file === undefined ? this.#services.tree.open(inode, flags & (O.ACCMODE | O.TRUNC)) : undefined
    const handle = this.#next++
    this.#open.set(handle, { inode, file, fd, writes, readAhead: new ReadAhead(READ_AHEAD_BYTES_MAX) })
    inode.opens++
    if (file !== undefined && writes) file.writers++
    if (file !== undefined && writes && (flags & O.TRUNC) !== 0) this.truncate(file, 0, options)
    return handle
  }

  /** Opens a file that was made this moment. */
  openNew(inode: Inode, flags: number): number {
    this.#committer.contentOfNew(inode.file!)
    return this.open(inode, flags)
  }

  inodeOf(handle: number): Inode {
    return this.#get(handle).inode
  }

  read(handle: number, offset: number, into: Buffer): Awaitable<number> {
    const { file, fd, readAhead } = this.#get(handle)
    if (fd !== undefined) return preadFd(fd, into, 0, into.length, offset)
    const content = this.#committer.contentOf(file!)
    const length = Math.min(into.length, content.size - offset)
    if (length <= 0) return 0
    const ahead = readAhead.note(offset, length)
    if (ahead !== undefined) void content.prefetch(ahead.from, ahead.to).catch(() => {})
    const done = content.read(offset, into.subarray(0, length))
    return done === undefined ? length : done.then(() => length)
  }

  write(handle: number, offset: number, bytes: Buffer, options?: WriteOptions): Awaitable<number> {
    const { file, fd } = this.#get(handle)
    if (fd !== undefined) {
      pwriteFd(fd, bytes, offset)
      return bytes.length
    }
    this.#committer.throwFailure(file!)
    checkEnd(offset + bytes.length)
    this.#committer.write(file!, offset, bytes)
    noteChange(file!, options)
    const relief = this.#relieve()
    return relief === undefined ? bytes.length : this.#answerAfter(relief, file!, bytes.length)
  }

  /** The next part of the same write comes only after this one is answered. */
  async #answerAfter(relief: Promise<void>, file: StubFile, length: number): Promise<number> {
    file.unanswered++
    try {
      await relief
    } catch (error) {
      if (file.failure === error) file.failure = undefined
      throw error
    } finally {
      file.unanswered--
      this.#committer.noteWritten(file, length)
    }
    return length
  }

  /** Cuts or extends; what is cut to nothing is not published before the next flush if somebody is about to write. */
  truncate(file: StubFile, size: number, options?: WriteOptions): void {
    const content = this.#committer.touch(file)
    if (size === 0 && content.size > 0 && file.writers > 0) file.held = true
    content.truncate(size)
    noteChange(file, options)
  }

  /** `mode` as fallocate(2) has it; space is never reserved, for what is written later may take less or more. */
  async allocate(handle: number, mode: number, offset: number, length: number, options?: WriteOptions): Promise<void> {
    const { file, fd } = this.#get(handle)
    if ((mode & ~(FALLOCATE.KEEP_SIZE | FALLOCATE.PUNCH_HOLE | FALLOCATE.ZERO_RANGE)) !== 0) {
      throw new DfsError('unsupported', 'an unknown way to allocate', { op: 'allocate' })
    }
    if (fd !== undefined) {
      allocateFd(fd, mode, offset, length)
      return
    }
    const end = offset + length
    checkEnd(end)
    const clears = (mode & (FALLOCATE.PUNCH_HOLE | FALLOCATE.ZERO_RANGE)) !== 0
    const cleared = clears ? await dataWithin(this.#committer.contentOf(file!), offset, end) : []
    const content = this.#changing(file!, options)
    for (const { from, to } of cleared) content.clear(from, to)
    if ((mode & FALLOCATE.KEEP_SIZE) === 0 && end > content.size) content.truncate(end)
  }

  /** Where data or a hole begins. Fails with `past-end`. */
  seek(handle: number, offset: number, what: 'data' | 'hole'): Awaitable<number> {
    const { file, fd } = this.#get(handle)
    return fd === undefined ? seekContent(this.#committer.contentOf(file!), offset, what) : seekFd(fd, offset, what)
  }

  /** Copies up to `length` bytes; resolves with how many that were. Fails with `cross-device` for plain files. */
  async copyRange(from: FilePosition, to: FilePosition, length: number, options?: WriteOptions): Promise<number> {
    const source = this.#get(from.handle).file
    const target = this.#get(to.handle).file
    if (source === undefined || target === undefined) {
      throw new DfsError('cross-device', 'plain files are copied byte by byte', { op: 'copy' })
    }
    checkEnd(to.offset + length)
    const range = {
      from: this.#committer.contentOf(source),
      fromOffset: from.offset,
      to: this.#changing(target, options),
      toOffset: to.offset,
      length,
    }
    return copyContent(this.#services.store, range, (offset, bytes) => this.#committer.write(target, offset, bytes))
  }

  /** The content of a file that changes now. */
  #changing(file: StubFile, options?: WriteOptions): FileContent {
    const content = this.#committer.touch(file)
    noteChange(file, options)
    return content
  }

  flush(handle: number): Awaitable<void> {
    const { file, writes } = this.#get(handle)
    if (file !== undefined && writes) return this.#committer.flush(file)
  }

  async fsync(handle: number, dataOnly: boolean): Promise<void> {
    const { file, fd } = this.#get(handle)
    if (file !== undefined) return this.#committer.fsync(file)
    return dataOnly ? dataSyncFd(fd!) : syncFd(fd!)
  }

  release(handle: number): void {
    const open = this.#open.get(handle)
    if (open === undefined) return
    this.#open.delete(handle)
    const { inode, file, fd, writes } = open
    inode.opens--
    if (fd !== undefined) closeFd(fd)
    if (file !== undefined && writes) file.writers--
    if (inode.opens === 0) this.#closeLast(inode)
  }

  /** Everybody has closed it: what a mapping wrote after the last flush is stored, and an unlinked file ends. */
  #closeLast(inode: Inode): void {
    const { file, heldFd } = inode
    inode.statSinceMade = undefined
    if (heldFd !== undefined && file === undefined) {
      closeFd(heldFd)
      inode.heldFd = undefined
    }
    if (file?.changed) {
      this.#committer
        .flush(file)
        .catch((error: unknown) => {
          file.failure ??= error
          warn(`a change made after the last flush could not be stored yet: ${describeError(error)}`)
        })
        .finally(() => this.#committer.release(inode))
      return
    }
    if (file !== undefined) this.#committer.release(inode)
    else this.#services.table.release(inode)
  }

  #get(handle: number): OpenFile {
    const open = this.#open.get(handle)
    if (open === undefined) throw new DfsError('bad-handle', `handle ${handle} is not open`)
    return open
  }
}

/** No file is longer than what numbers can say to the byte. */
function checkEnd(end: number): void {
  if (end > Number.MAX_SAFE_INTEGER) throw new DfsError('too-large', 'a file is at most 2^53 - 1 bytes long')
}

function noteChange(file: StubFile, { keepsTimes = false }: WriteOptions = {}): void {
  file.contentChanged = true
  if (keepsTimes) return
  file.mtimeNs = nowNs()
  file.ctimeNs = file.mtimeNs
}
