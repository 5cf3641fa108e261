/**
 * Changes of a folder that come from elsewhere than from programs: each by paths that a person sees, in one step that no
 * program comes between. Whoever has the folder mounted hears of them. They are durable after `sync`, and what is in a file
 * that comes before it has its name.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { lastName, parentPath } from '../format/head-path.ts'
import { storedNameOfFile } from '../format/stored-name.ts'
import { utimesAt } from '../posix/attributes.ts'
import { O, syncFilesystem } from '../posix/files.ts'
import { RENAME, renameAt, unlinkAt } from '../posix/names.ts'
import { MODE } from '../posix/stat.ts'
import { setXattrFd } from '../posix/xattrs.ts'
import { belowMode } from '../seal/stub-mode.ts'
import type { Checkpointer } from './checkpointer.ts'
import { nowNs } from './clock.ts'
import { whileWritable } from './closed-directories.ts'
import type { Committer } from './committer.ts'
import type { FolderFiles } from './folder-files.ts'
import type { FolderPaths } from './folder-paths.ts'
import type { IncomingFile } from './incoming-stubs.ts'
import type { Inode } from './inode-table.ts'
import { requireMarker } from './marker.ts'
import type { Namespace } from './namespace.ts'
import { type OutsideDirectories, openOutsideDirectories } from './outside-directories.ts'
import { OutsideKeeping } from './outside-keeping.ts'
import { listOutside, lookOutside, MARK, type OutsideState } from './outside-objects.ts'
import { orLeaveOut, SETS_OWNERS, setAttributesAt, setOwnerAt } from './outside-stubs.ts'
import type { Services } from './services.ts'
import type { Versions } from './versions.ts'

export interface OutsideChangesParts {
  readonly names: Namespace
  readonly paths: FolderPaths
  readonly files: FolderFiles
  readonly committer: Committer
  readonly checkpointer: Checkpointer
  readonly versions: Versions
}

const OWN_CALLER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid }
const OWNER_ALL = 0o700
const OWNER_READ_WRITE = 0o600

export class OutsideChanges {
  readonly setsOwners = SETS_OWNERS
  readonly #services: Services
  readonly #parts: OutsideChangesParts
  readonly #keeping: OutsideKeeping
  #directories: OutsideDirectories | undefined

  constructor(services: Services, parts: OutsideChangesParts) {
    this.#services = services
    this.#parts = parts
    this.#keeping = new OutsideKeeping(parts.versions)
  }

  look(path: ByteString): ReturnType<typeof lookOutside> {
    return lookOutside(this.#services, this.#parts.paths, path)
  }

  requireThere(): void {
    requireMarker(this.#services.tree.rootFd)
  }

  list(path: ByteString): Promise<ByteString[]> {
    return listOutside(this.#parts, path)
  }

  prepare(files: readonly IncomingFile[]): Promise<void> {
    const stubs = files.flatMap((file) => {
      const after = this.#sequenceAt(file.over)
      return after === undefined ? [] : [{ ...file, after }]
    })
    return this.#reserved().stubs.prepare(stubs)
  }

  discardPrepared(): void {
    this.#directories?.stubs.discard()
  }

  isPrepared(file: IncomingFile): boolean {
    const after = this.#sequenceAt(file.over)
    return after === undefined || this.#reserved().stubs.has({ ...file, after })
  }

  make(path: ByteString, id: string, state: OutsideState): void {
    const name = lastName(path)
    const { names } = this.#parts
    this.#with([parentPath(path)!], (directory) => {
      if (state.kind === 'file') this.#makeFile(directory, name, id, state)
      else if (state.kind === 'directory') names.mkdir(directory, name, OWNER_ALL, OWN_CALLER)
      else if (state.content.kind === 'symlink') names.symlink(directory, name, state.content.target, OWN_CALLER)
      else names.mknod(directory, name, MODE.FIFO | OWNER_READ_WRITE, 0, OWN_CALLER)
      this.#services.table.noteName(directory, name)
    })
    if (state.kind === 'directory') this.mark(path, id)
    if (state.kind !== 'file') this.describe(path, state)
  }

  /** Fails with `busy` if somebody has the file open by one of several names. */
  replace(path: ByteString, id: string, state: OutsideState): void {
    const inode = this.#find(path)
    const { parent, name } = inode.place
    try {
      if (this.#services.tree.stat(inode).nlink > 1) this.#replaceInPlace(inode, state)
      else whileWritable(this.#services.tree, [parent], () => this.#replaceByAnother(inode, id, state))
    } finally {
      this.#parts.paths.letGo(inode)
    }
    this.#services.changes.name(parent, name)
  }

  describe(path: ByteString, state: Pick<OutsideState, 'mtimeNs' | 'attributes'>): void {
    const inode = this.#find(path)
    try {
      inode.statSinceMade = undefined
      if (inode.file === undefined) this.#describeOther(inode, state)
      else this.#describeFile(inode, state)
    } finally {
      this.#parts.paths.letGo(inode)
    }
  }

  /** A file becomes the file of this id. A directory whose disk keeps no such attribute is not marked. */
  mark(path: ByteString, id: string): void {
    const inode = this.#find(path)
    const { tree } = this.#services
    const { committer, paths } = this.#parts
    try {
      if (inode.kind === 'directory') {
        orLeaveOut(() =>
          tree.withStub(inode, O.RDONLY | O.DIRECTORY, (fd) => setXattrFd(fd, MARK, Buffer.from(id, 'hex'))),
        )
      } else if (inode.file !== undefined) {
        committer.touch(inode.file)
        inode.file.fileId = Buffer.from(id, 'hex')
        committer.commit(inode.file)
      }
    } finally {
      paths.letGo(inode)
    }
  }

  link(from: ByteString, to: ByteString): void {
    const inode = this.#find(from)
    try {
      this.#with([parentPath(to)!], (directory) => {
        // What has a name is linked at once.
        void this.#parts.names.link(inode, directory, lastName(to))
        this.#services.table.noteName(directory, lastName(to))
        this.#services.table.noteAttributes(inode)
      })
    } finally {
      this.#parts.paths.letGo(inode)
    }
  }

  move(from: ByteString, to: ByteString): void {
    this.#with([parentPath(from)!, parentPath(to)!], (parent, newParent) => {
      this.#move({ parent, name: lastName(from) }, { parent: newParent!, name: lastName(to) })
    })
  }

  park(path: ByteString, key: string): void {
    const { parked } = this.#reserved()
    this.#with([parentPath(path)!], (parent) =>
      this.#move({ parent, name: lastName(path) }, { parent: parked, name: key }),
    )
  }

  unpark(key: string, path: ByteString): void {
    const { parked } = this.#reserved()
    this.#with([parentPath(path)!], (parent) =>
      this.#move({ parent: parked, name: key }, { parent, name: lastName(path) }),
    )
  }

  async parked(): Promise<ByteString[]> {
    const { parked } = this.#reserved()
    return (await this.#parts.files.names(parked.ino)).map(({ name }) => name)
  }

  remove(path: ByteString): void {
    const { names } = this.#parts
    this.#with([parentPath(path)!], (parent) => {
      const name = lastName(path)
      const inode = names.find(parent, name)?.inode
      if (inode?.kind === 'directory') names.rmdir(parent, name)
      else if (inode?.file === undefined) names.unlink(parent, name)
      else this.#keeping.whileRemoving(inode.file, () => names.unlink(parent, name))
      this.#services.table.noteName(parent, name)
      if (inode?.kind === 'stub') this.#services.table.noteAttributes(inode)
    })
  }

  settle(): Promise<void> {
    return this.#parts.checkpointer.run()
  }

  async sync(): Promise<void> {
    await this.#services.journal.sync()
    await syncFilesystem(this.#services.tree.rootFd)
  }

  #makeFile(directory: Inode, name: ByteString, id: string, state: OutsideState): void {
    const { tree, table, changes } = this.#services
    const { incoming, stubs } = this.#reserved()
    const aside = stubs.take({ id, after: 0, state })
    const incomingFd = tree.directoryFd(incoming)
    try {
      renameAt(
        incomingFd,
        storedNameOfFile(aside),
        tree.directoryFd(directory),
        storedNameOfFile(name),
        RENAME.NOREPLACE,
      )
    } catch (error) {
      unlinkAt(incomingFd, storedNameOfFile(aside))
      throw error
    }
    table.noteName(directory, name)
    changes.name(directory, name)
  }

  /** Who has the file open keeps what it was, in a file without a name. */
  #replaceByAnother(inode: Inode, id: string, state: OutsideState): void {
    const { place, file } = inode
    const { incoming, stubs } = this.#reserved()
    const aside = stubs.take({ id, after: file!.sequence, state })
    this.#parts.versions.keepNext(file!)
    const from = { parent: incoming, name: aside }
    this.#keeping.whileReplacing(file!, state.mtimeNs, () => this.#move(from, place))
  }

  #replaceInPlace(inode: Inode, { content, mtimeNs, attributes }: OutsideState): void {
    const { committer, versions } = this.#parts
    const file = inode.file
    if (inode.opens > 0 || file === undefined || content.kind !== 'file') {
      throw new DfsError('busy', 'the file is open, and has several names', { op: 'replace' })
    }
    versions.keepNext(file)
    committer.touch(file).replace(content.content, content.size)
    file.contentChanged = true
    this.#describeFile(inode, { mtimeNs, attributes })
  }

  #describeFile(inode: Inode, { mtimeNs, attributes }: Pick<OutsideState, 'mtimeNs' | 'attributes'>): void {
    const { tree, table } = this.#services
    const { committer } = this.#parts
    const file = inode.file!
    committer.touch(file)
    const mode = belowMode(attributes.mode)
    setAttributesAt(tree.directoryFd(inode.place.parent), tree.storedName(inode), { ...attributes, mode })
    inode.hasNoCapabilities = false
    file.stubChanges++
    file.mode = attributes.mode
    file.mtimeNs = mtimeNs
    file.ctimeNs = nowNs()
    committer.commit(file)
    table.noteContent(inode)
  }

  #describeOther(inode: Inode, { mtimeNs, attributes }: Pick<OutsideState, 'mtimeNs' | 'attributes'>): void {
    const { tree, table, changes } = this.#services
    const [dirFd, stored] = [tree.directoryFd(inode.place.parent), tree.storedName(inode)]
    if ((tree.stat(inode).mode & MODE.FORMAT) === MODE.SYMLINK) setOwnerAt(dirFd, stored, attributes)
    else setAttributesAt(dirFd, stored, attributes)
    inode.handsDownNoAcl = false
    if (inode.kind !== 'directory') utimesAt(dirFd, stored, 'keep', mtimeNs)
    table.noteAttributes(inode)
    changes.object(inode)
  }

  /** Undefined where a file has several names, which are given another content in place. */
  #sequenceAt(path: ByteString | undefined): number | undefined {
    const inode = path === undefined ? undefined : this.#parts.paths.find(path)
    if (inode === undefined) return 0
    try {
      if (inode.file === undefined) return 0
      return this.#services.tree.stat(inode).nlink > 1 ? undefined : inode.file.sequence
    } finally {
      this.#parts.paths.letGo(inode)
    }
  }

  #move(from: { parent: Inode; name: ByteString }, to: { parent: Inode; name: ByteString }): void {
    const { table, tree } = this.#services
    // A directory says itself what it is in.
    const inode = from.parent === to.parent ? undefined : this.#parts.names.find(from.parent, from.name)?.inode
    whileWritable(tree, inode?.kind === 'directory' ? [inode] : [], () => this.#parts.names.moveFromOutside(from, to))
    table.noteName(from.parent, from.name)
    table.noteName(to.parent, to.name)
  }

  #with(paths: readonly ByteString[], work: (...directories: [Inode, ...Inode[]]) => void): void {
    const directories = paths.map((path) => this.#find(path))
    // A lookup each, so that none is forgotten while the others are worked on.
    for (const inode of directories) inode.lookups++
    try {
      whileWritable(this.#services.tree, directories, () => work(...(directories as [Inode, ...Inode[]])))
    } finally {
      for (const inode of directories) inode.lookups--
      for (const inode of directories) this.#parts.paths.letGo(inode)
    }
  }

  #find(path: ByteString): Inode {
    const inode = this.#parts.paths.find(path)
    if (inode === undefined) throw new DfsError('not-found', 'nothing stands there any more', { subject: path })
    return inode
  }

  #reserved(): OutsideDirectories {
    this.#directories ??= openOutsideDirectories(this.#services)
    return this.#directories
  }
}
