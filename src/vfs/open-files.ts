/**
 * Open handles of files: reading, writing, and what happens when they are flushed, synced and closed.
 */
import { COUNT, count } from '../concurrency/counters.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError, describeError } from '../errors.ts'
import { logger, warn } from '../log.ts'
import { closeFd, dataSyncFd, O, preadFd, pwriteFd, readSoon, syncFd } from '../posix/files.ts'
import { allocateFd, FALLOCATE, seekFd } from '../posix/holes.ts'
import { type BlockReader, GuardedReader } from './block-reader.ts'
import { nowNs } from './clock.ts'
import type { Committer } from './committer.ts'
import { copyContent, copyWhole } from './copy-range.ts'
import type { FileContent } from './file-content.ts'
import { dataWithin, seekContent } from './holes.ts'
import type { Inode } from './inode-table.ts'
import type { Awaitable, DirectoryEntry, FilePosition, WriteOptions } from './operations.ts'
import { ReadAhead } from './read-ahead.ts'
import type { Services } from './services.ts'
import { SiblingReadAhead } from './sibling-read-ahead.ts'
import type { StubFile } from './stub-file.ts'

const log = logger('vfs')

interface OpenFile {
  readonly inode: Inode
  readonly file: StubFile | undefined
  /** Of a plain file. */
  readonly fd: number | undefined
  readonly writes: boolean
  readonly readAhead: ReadAhead
  isRead: boolean
}

const READ_AHEAD_BYTES_MAX = 16 * 1024 * 1024
/** What is opened of a file that may be read next. */
const BEGINNING_BYTES = 256 * 1024

export interface OpenFilesOptions {
  committer: Committer
  /** Makes room in memory when too much of it is dirty. */
  relieve: () => Promise<void> | undefined
  /** Whether reads of this process may have blocks fetched; without it, everybody's may. */
  mayFetch?: ((pid: number) => boolean) | undefined
  /** The object of a name, if there is one. */
  find: (directory: Inode, name: ByteString) => Inode | undefined
}

export class OpenFiles {
  readonly #services: Services
  readonly #committer: Committer
  readonly #relieve: OpenFilesOptions['relieve']
  readonly #mayFetch: OpenFilesOptions['mayFetch']
  readonly #find: OpenFilesOptions['find']
  readonly #open = new Map<number, OpenFile>()
  readonly #siblings: SiblingReadAhead
  #next = 1

  constructor(services: Services, { committer, relieve, mayFetch, find }: OpenFilesOptions) {
    this.#services = services
    this.#committer = committer
    this.#relieve = relieve
    this.#mayFetch = mayFetch
    this.#find = find
    this.#siblings = new SiblingReadAhead({
      begin: (directory, name) =>
        this.#ahead(directory, name, (file) => services.tree.withStub(file.inode, O.RDONLY, readSoon)),
    })
  }

  get count(): number {
    return this.#open.size
  }

  /** Opens a stub's or plain file. Fails with `corrupt` and the like if the stub cannot be read. */
  open(inode: Inode, flags: number, options?: WriteOptions): number {
    if (inode.kind === 'directory') throw new DfsError('is-a-directory', 'it is a directory')
    // The kernel opens these itself. A pipe would have us wait for who opens its other end: for ever.
    if (inode.kind === 'other') throw new DfsError('invalid', 'only files are opened here')
    const { file } = inode
    const writes = (flags & O.ACCMODE) !== O.RDONLY
    if (file !== undefined) this.#committer.contentOf(file)
    const fd = file === undefined ? this.#services.tree.open(inode, flags & (O.ACCMODE | O.TRUNC)) : undefined
    const handle = this.#next++
    this.#open.set(handle, { inode, file, fd, writes, readAhead: new ReadAhead(READ_AHEAD_BYTES_MAX), isRead: false })
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

  read(handle: number, offset: number, into: Buffer, pid?: number): Awaitable<number> {
    const open = this.#get(handle)
    const { inode, file, fd, readAhead } = open
    if (fd !== undefined) return preadFd(fd, into, 0, into.length, offset)
    const content = this.#committer.contentOf(file!)
    const length = Math.min(into.length, content.size - offset)
    if (length <= 0) return 0
    count(COUNT.readBytes, length)
    const ahead = readAhead.note(offset, length)
    const reader = this.#readerFor(pid)
    if (ahead !== undefined) void content.prefetch(ahead.from, ahead.to, reader).catch(() => {})
    const done = content.read(offset, into.subarray(0, length), reader)
    const note = (waited: boolean) => {
      if (!open.isRead)
        this.#siblings.noteRead(inode, waited, (directory, name) => this.#openAhead(directory, name, reader))
      open.isRead = true
      return length
    }
    return done === undefined ? note(false) : done.then(() => note(true))
  }

  /** A directory was listed: what is read of it in that order is read ahead. */
  noteListing(directory: Inode, entries: readonly DirectoryEntry[]): void {
    const names = entries.flatMap(({ name, type }) => (type === 'file' ? [name] : []))
    this.#siblings.noteListing(directory, names)
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
    count(COUNT.writtenBytes, bytes.length)
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
  seek(handle: number, offset: number, what: 'data' | 'hole', pid?: number): Awaitable<number> {
    const { file, fd } = this.#get(handle)
    if (fd !== undefined) return seekFd(fd, offset, what)
    return seekContent(this.#committer.contentOf(file!), offset, what, this.#readerFor(pid))
  }

  /**
   * Copies up to `length` bytes; resolves with how many that were. Fails with `cross-device` for plain files, and for parts of files
   * that are on other devices: who copies them reads them then, which can be interrupted.
   */
  async copyRange(from: FilePosition, to: FilePosition, length: number, options?: WriteOptions): Promise<number> {
    const source = this.#get(from.handle).file
    const target = this.#get(to.handle).file
    if (source === undefined || target === undefined) {
      throw new DfsError('cross-device', 'plain files are copied byte by byte', { op: 'copy' })
    }
    this.#committer.throwFailure(target)
    checkEnd(to.offset + length)
    const range = {
      from: this.#committer.contentOf(source),
      reader: new GuardedReader(this.#services.reader, () => false),
      fromOffset: from.offset,
      to: this.#changing(target, options),
      toOffset: to.offset,
      length,
    }
    const committer = this.#committer
    const { store } = this.#services
    if (copyWhole({ store, committer }, { source, target }, range)) return range.from.size
    return copyContent(store, range, (offset, bytes) => committer.write(target, offset, bytes))
  }

  /** What a file begins with, for the reader of the one before it. */
  #openAhead(directory: Inode, name: ByteString, reader: BlockReader | undefined): void {
    this.#ahead(directory, name, (file) => {
      const content = this.#committer.contentOf(file)
      content.prefetch(0, BEGINNING_BYTES, reader).catch(() => {})
    })
  }

  /** Works on a file that nobody has open, and keeps nothing of it. Never fails: who needs it will hear what does. */
  #ahead(directory: Inode, name: ByteString, work: (file: StubFile) => void): void {
    let inode: Inode | undefined
    try {
      inode = this.#find(directory, name)
      if (inode?.file !== undefined && inode.opens === 0 && inode.file.content === undefined) work(inode.file)
    } catch (error) {
      log('read ahead: %s', describeError(error))
    }
    if (inode?.file !== undefined) this.#committer.release(inode)
    else if (inode !== undefined) this.#services.table.release(inode)
  }

  /** What a process reads by. */
  #readerFor(pid: number | undefined): BlockReader | undefined {
    const mayFetch = this.#mayFetch
    if (mayFetch === undefined || pid === undefined) return undefined
    return new GuardedReader(this.#services.reader, () => mayFetch(pid))
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
      void this.#storeLast(file)
      return
    }
    if (file !== undefined) this.#committer.release(inode)
    else this.#services.table.release(inode)
  }

  async #storeLast(file: StubFile): Promise<void> {
    try {
      await this.#committer.flush(file)
    } catch (error) {
      file.failure ??= error
      warn(`a change made after the last flush could not be stored yet: ${describeError(error)}`)
    }
    this.#committer.release(file.inode)
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
