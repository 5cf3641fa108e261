/**
 * A folder of stubs, opened: its journal applied, its file system ready to be mounted or used without a mount.
 *
 * One process at a time has a folder open. The directory is reached through a descriptor opened here, before any mount
 * covers it.
 */
import { byteStringOf } from '../bytes/byte-string.ts'
import { Mutex } from '../concurrency/mutex.ts'
import type { ByteString, FileReference, OnProgress, ReferenceSource, StubState } from '../dfs.ts'
import { DfsError, describeError } from '../errors.ts'
import { warn } from '../log.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { availableBytes } from '../posix/filesystem-stat.ts'
import { statFd } from '../posix/stat.ts'
import { type Adopted, Adopter } from './adopt.ts'
import { Background } from './background.ts'
import { ChangeFeed, type OnObjectChange } from './change-feed.ts'
import { Checkpointer } from './checkpointer.ts'
import { ChunkReader } from './chunk-reader.ts'
import { nowNs } from './clock.ts'
import { Committer } from './committer.ts'
import { Filesystem } from './filesystem.ts'
import { FolderFiles } from './folder-files.ts'
import { lockFolder } from './folder-lock.ts'
import type { FolderOptions } from './folder-options.ts'
import { FolderPaths } from './folder-paths.ts'
import { chooseVersion, type KeptVersion, versionsOf } from './history.ts'
import { InodeTable } from './inode-table.ts'
import { readMarker, writeMarker } from './marker.ts'
import { OutsideChanges } from './outside-changes.ts'
import { fileReferences, referenceSources } from './references.ts'
import { replay } from './replay.ts'
import { Sealer } from './sealer.ts'
import type { Services } from './services.ts'
import { StubTree } from './stub-tree.ts'
import { type Expired, type ExpiryOptions, expireVersions } from './version-expiry.ts'
import { Versions, versionsDirectory } from './versions.ts'

const AT_FDCWD = -100

interface FolderParts {
  id: string
  path: string
  services: Services
  filesystem: Filesystem
  committer: Committer
  checkpointer: Checkpointer
  background: Background
  adopter: Adopter
  versions: Versions
  close: () => Promise<void>
}

export class Folder {
  readonly id: string
  readonly path: string
  readonly filesystem: Filesystem
  readonly files: FolderFiles
  readonly outside: OutsideChanges
  readonly #parts: FolderParts
  readonly #paths: FolderPaths
  /** Held while a version is in use, or versions go. */
  readonly #keeping = new Mutex()

  private constructor(parts: FolderParts) {
    this.id = parts.id
    this.path = parts.path
    this.filesystem = parts.filesystem
    this.files = new FolderFiles(parts.services)
    this.#parts = parts
    this.#paths = new FolderPaths(parts.services, parts)
    const { filesystem, committer, checkpointer, versions } = parts
    this.outside = new OutsideChanges(parts.services, {
      names: filesystem.names,
      paths: this.#paths,
      files: this.files,
      committer,
      checkpointer,
      versions,
    })
  }

  /** The id in a directory's marker, 32 hex digits; undefined if it is no folder. */
  static async idAt(folder: string): Promise<string | undefined> {
    return (await readMarker(folder))?.id
  }

  /**
   * Opens a folder, making the directory one if it is none yet, and applies what its journal holds.
   * Fails with `wrong-key` if it belongs to another personal key, `locked` if another process has it open.
   */
  static async open(options: FolderOptions): Promise<Folder> {
    await using opened = new AsyncDisposableStack()
    const { store, pool, source, keys, index, dirty, replicas, cacheBytesMax } = options
    const rootFd = openAt(AT_FDCWD, byteStringOf(options.path), O.RDONLY | O.DIRECTORY)
    const found = await readMarker(options.path).catch((error) => {
      closeFd(rootFd)
      throw error
    })
    const table = new InodeTable(statFd(rootFd))
    const tree = new StubTree({ rootFd, keys, index, table })
    opened.defer(() => tree.close())
    const marker = found ?? (await writeMarker(rootFd, keys.keyId.toString('hex')))
    if (keys.ofKeyId(Buffer.from(marker.keyId, 'hex')) === undefined) throw wrongKey(options.path)
    opened.defer(lockFolder(rootFd, options.path))

    const journal = await options.openJournal(marker.id)
    opened.defer(() => journal.close())
    const reader = opened.use(new ChunkReader({ store, pool, source, cacheBytesMax }))
    const sealer = new Sealer({ pool, store })
    const changes = new ChangeFeed(table)
    const services: Services = {
      folderId: Buffer.from(marker.id, 'hex'),
      table,
      tree,
      store,
      journal,
      reader,
      sealer,
      keys,
      index,
      dirty,
      changes,
      replicas,
    }
    const storeFd = openAt(AT_FDCWD, byteStringOf(options.storeDir), O.RDONLY | O.DIRECTORY)
    opened.defer(() => closeFd(storeFd))

    const directory = versionsDirectory(services)
    const versions = new Versions(services, { directory, deletedAgeMsMin: options.deletedAgeMsMin })
    const committer = new Committer(services)
    const checkpointer = new Checkpointer(services, { committer, versions })
    const background = new Background(services, {
      committer,
      checkpointer,
      diskFreeBytes: () => availableBytes(storeFd),
    })
    opened.defer(() => background.stop())
    const adopter = opened.use(
      new Adopter(services, { reservedDirectoryFd: () => tree.directoryFd(directory.place.parent) }),
    )
    const filesystem = new Filesystem({
      services,
      committer,
      versions,
      adoptInWay: (parent, name) => adopter.adoptInWay(parent, name),
      relieve: () => background.relieve(),
      mayFetch: options.mayFetch,
      storeFd,
    })
    await replay(services, { committer, namespace: filesystem.names })
    await checkpointer.run().catch((error) => warn(`what the journal holds stays there: ${describeError(error)}`))
    const closing = opened.move()
    return new Folder({
      id: marker.id,
      path: options.path,
      services,
      filesystem,
      committer,
      checkpointer,
      background,
      adopter,
      versions,
      close: () => closing.disposeAsync(),
    })
  }

  /** Length in bytes of what the journal holds that the stubs do not. */
  get journalBytes(): number {
    const { journal } = this.#parts.services
    return journal.empty ? 0 : journal.bytes
  }

  /** Replaces plain files at and below a visible path by stubs. */
  adopt(inside: ByteString, options: { keep: boolean; signal: AbortSignal; onProgress: OnProgress }): Promise<Adopted> {
    return this.#parts.adopter.adopt(this.#parts.services.table.root, inside, options)
  }

  /** Kept versions of a file, there, deleted or damaged, the newest first. */
  history(inside: ByteString): Promise<KeptVersion[]> {
    const { services, versions } = this.#parts
    return versionsOf(services, versions.directory, { path: inside, fileId: this.#paths.fileIdAt(inside) })
  }

  /**
   * Makes a kept version the content of the file again; what it replaces becomes a version itself.
   * Fails with `not-found`, `invalid`, `busy` if somebody is writing to the file.
   */
  restore(inside: ByteString, { at }: { at?: string | undefined } = {}): Promise<KeptVersion> {
    return this.#keeping.run(() => this.#restore(inside, at))
  }

  /** Whatever `work` replaces or removes becomes a version, however young it is. */
  keepingAll(work: () => void): void {
    this.#parts.versions.keepingAll(work)
  }

  /** Lets kept versions go that are too old, stand too close together or take too much; not while one is being restored. */
  expireVersions(options: Omit<ExpiryOptions, 'present'>): Promise<Expired> {
    const { services, versions } = this.#parts
    const present = (path: ByteString) => this.#paths.contentAt(path)
    return this.#keeping.run(() => expireVersions(services, versions, { ...options, present }))
  }

  /** What a garbage collection must find alive, in the order in which it must look. */
  referenceSources(): ReferenceSource[] {
    return referenceSources(this.#parts.services, this.path, () => this.filesystem.names.renames)
  }

  fileReferences(
    inside: ByteString,
    { onUnreadable }: { onUnreadable: (at: ByteString, why: string) => void },
  ): AsyncGenerator<FileReference> {
    return fileReferences(this.#parts.services, inside, { path: this.path, onUnreadable })
  }

  /** Fails what waits for other devices, and what would, until it is disposed of: for when nobody is there to wait. */
  giveUpFetching(): Disposable {
    return this.#parts.services.reader.giveUpFetching()
  }

  /** A descriptor of the directory, good while the folder is open, and not to be closed. */
  get directoryFd(): number {
    return this.#parts.services.tree.rootFd
  }

  /** Calls the listener, which must be quick, for each object that is not what it was on the disk below; gives what ends that. */
  onChange(listener: OnObjectChange): () => void {
    return this.#parts.services.changes.listen(listener)
  }

  /** Calls the listener, which must be quick, whenever there is something for `settle` to bring into stubs; gives what ends that. */
  onCommit(listener: () => void): () => void {
    return this.#parts.services.changes.listenToCommits(listener)
  }

  /** Brings what is committed into the stubs; what somebody is writing waits for the next time. */
  settle(): Promise<void> {
    return this.#parts.checkpointer.run()
  }

  /** Brings everything written into the stubs. */
  checkpoint(): Promise<void> {
    return this.#parts.checkpointer.run({ all: true })
  }

  /**
   * Stores everything and lets go of the folder. If storing fails the folder is let go of all the same, and fails
   * as that did: what was closed or synced is in the journal.
   */
  async close(): Promise<void> {
    const { background, checkpointer, close } = this.#parts
    try {
      await background.stop()
      await checkpointer.run({ all: true })
    } finally {
      await close()
    }
  }

  async #restore(inside: ByteString, at: string | undefined): Promise<KeptVersion> {
    const version = chooseVersion(await this.history(inside), inside, at)
    const { checkpointer } = this.#parts
    await checkpointer.run({ all: true })
    if (this.#paths.find(inside) === undefined) await this.#paths.makeFile(inside)
    await checkpointer.exclusively(() => this.#putBack(inside, version.state))
    await checkpointer.run({ all: true })
    return version
  }

  /** All in one go: who opens the file before or after finds one content or the other. */
  #putBack(inside: ByteString, { content, meta }: StubState): void {
    const { committer, services, versions } = this.#parts
    const file = this.#paths.find(inside)?.file
    if (file === undefined) throw new DfsError('exists', 'what stands there is no file of dfs', { op: 'restore' })
    if (file.writers > 0)
      throw new DfsError('busy', 'the file is open for writing', { op: 'restore', mend: 'close it first' })
    versions.keepNext(file)
    committer.touch(file).replace(content, meta.size)
    file.contentChanged = true
    file.mode = meta.mode
    file.mtimeNs = meta.mtimeNs
    file.ctimeNs = nowNs()
    committer.commit(file)
    services.table.noteContent(file.inode)
  }
}

function wrongKey(folder: string): DfsError {
  return new DfsError('wrong-key', 'the folder belongs to another personal key', {
    op: 'open folder',
    subject: folder,
    mend: 'use the home it was made with, or "dfs recover KIT" in a new one',
  })
}
