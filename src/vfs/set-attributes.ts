/**
 * Changing what `stat` shows: a stub's own mode, size and times, and everything else of the object below.
 */
import { DfsError } from '../errors.ts'
import { mayBeStub } from '../format/stored-name.ts'
import { chmodAt, chmodFd, chownAt, chownFd, utimesAt, utimesFd } from '../posix/attributes.ts'
import { O, truncateFd } from '../posix/files.ts'
import { MODE, type Stat } from '../posix/stat.ts'
import { belowMode } from '../seal/stub-mode.ts'
import { nowNs, storableNs } from './clock.ts'
import type { Committer } from './committer.ts'
import type { Inode } from './inode-table.ts'
import type { NamespaceOptions } from './namespace.ts'
import type { OpenFiles } from './open-files.ts'
import type { AttributeChanges, Awaitable, Time } from './operations.ts'
import type { Services } from './services.ts'
import type { StubFile } from './stub-file.ts'

interface AttributeSetterOptions {
  committer: Committer
  files: OpenFiles
  adoptInWay: NamespaceOptions['adoptInWay']
}

/** Sets attributes of the object below, by name or by descriptor. */
interface Below {
  mode(mode: number): void
  owner(uid: number, gid: number): void
  times(atimeNs: Time | 'keep', mtimeNs: Time | 'keep'): void
}

const SET_ID_BITS = 0o6000
const IS_ROOT = process.getuid?.() === 0

export class AttributeSetter {
  readonly #services: Services
  readonly #committer: Committer
  readonly #files: OpenFiles
  readonly #adoptInWay: NamespaceOptions['adoptInWay']

  constructor(services: Services, { committer, files, adoptInWay }: AttributeSetterOptions) {
    this.#services = services
    this.#committer = committer
    this.#files = files
    this.#adoptInWay = adoptInWay
  }

  /** A change by path is committed when this resolves or returns; one of a file that is being written, with its next flush. */
  set(inode: Inode, changes: AttributeChanges): Awaitable<void> {
    const { lastStat } = inode
    const isGone = inode.places.length === 0 && inode.heldFd === undefined
    if (isGone && lastStat !== undefined && (lastStat.nlink === 0 || isOnlyTimes(changes))) {
      return setGone(inode, lastStat, changes)
    }
    return inode.file === undefined ? this.#setUnderlying(inode, changes) : this.#setFile(inode, inode.file, changes)
  }

  #setFile(inode: Inode, file: StubFile, changes: AttributeChanges): Awaitable<void> {
    const { mode, uid, gid, size, atimeNs, mtimeNs } = changes
    if (size !== undefined && size !== file.size) this.#files.truncate(file, size)
    this.#committer.touch(file)
    if (uid !== undefined || gid !== undefined || mode !== undefined || atimeNs !== undefined) {
      this.#setBelow(inode, { ...changes, mode: mode === undefined ? undefined : belowMode(mode) })
      file.stubChanges++
    }
    const now = nowNs()
    if (mode !== undefined) file.mode = mode & MODE.PERMISSIONS
    if (mtimeNs !== undefined) file.mtimeNs = mtimeNs === 'now' ? now : storableNs(mtimeNs)
    file.ctimeNs = storableNs(changes.ctimeNs ?? now)
    // With a writer at work its flush will commit this too; a cut by path has nobody else to do it.
    if (file.writers === 0) return this.#committer.flush(file)
  }

  #setUnderlying(inode: Inode, changes: AttributeChanges): Awaitable<void> {
    if (changes.size !== undefined) {
      if (inode.kind !== 'plain') throw new DfsError('invalid', 'only files have a size to set')
      const { parent, name } = inode.place
      if (mayBeStub(name)) {
        return this.#adoptInWay(parent, name).then(() => this.#setFile(inode, inode.file!, changes))
      }
      this.#services.tree.withStub(inode, O.RDWR, (fd) => truncateFd(fd, changes.size!))
    }
    this.#setBelow(inode, changes)
    const { atimeNs = 'keep', mtimeNs = 'keep' } = changes
    if (atimeNs !== 'keep' || mtimeNs !== 'keep') this.#below(inode, (at) => at.times(atimeNs, mtimeNs))
    this.#services.changes.object(inode)
  }

  #setBelow(inode: Inode, { mode, uid, gid, atimeNs }: AttributeChanges): void {
    this.#below(inode, (at) => {
      const hasOwner = uid !== undefined && gid !== undefined && this.#isOwnedBy(inode, uid, gid)
      if ((uid !== undefined || gid !== undefined) && !hasOwner) at.owner(uid ?? -1, gid ?? -1)
      if (mode !== undefined) at.mode(mode)
      if (atimeNs !== undefined) at.times(atimeNs, 'keep')
      if (!hasOwner || mode !== undefined || atimeNs !== undefined) inode.statSinceMade = undefined
    })
  }

  /** Whether it certainly has this owner, and no bits that a change of owner would take away. */
  #isOwnedBy({ statSinceMade: stat }: Inode, uid: number, gid: number): boolean {
    return IS_ROOT && stat?.uid === uid && stat.gid === gid && (stat.mode & SET_ID_BITS) === 0
  }

  /** Gives the setters of the object below, by descriptor where it has lost its name. */
  #below(inode: Inode, work: (at: Below) => void): void {
    const { tree, table } = this.#services
    const fd = inode === table.root ? tree.rootFd : inode.heldFd
    if (fd !== undefined) {
      work({
        mode: (mode) => chmodFd(fd, mode),
        owner: (uid, gid) => chownFd(fd, uid, gid),
        times: (atimeNs, mtimeNs) => utimesFd(fd, atimeNs, mtimeNs),
      })
      return
    }
    const dirFd = tree.directoryFd(inode.place.parent)
    const stored = tree.storedName(inode)
    work({
      mode: (mode) => chmodAt(dirFd, stored, mode),
      owner: (uid, gid) => chownAt(dirFd, stored, uid, gid),
      times: (atimeNs, mtimeNs) => utimesAt(dirFd, stored, atimeNs, mtimeNs),
    })
  }

  /** Something of the file that is kept elsewhere has changed: its ctime says so. `mode`: its permission bits, if they have. */
  touch(inode: Inode, mode?: number): void {
    const { file } = inode
    if (file === undefined) {
      this.#services.changes.object(inode)
      return
    }
    if (mode !== undefined) file.mode = (file.mode & ~MODE.ACCESS) | mode
    if (file.orphan) return
    this.#committer.touch(file)
    file.ctimeNs = nowNs()
    file.stubChanges++
    this.#committer.tryCommit(file)
  }
}

function isOnlyTimes({ mode, uid, gid, size }: AttributeChanges): boolean {
  return mode === undefined && uid === undefined && gid === undefined && size === undefined
}

/**
 * Of what has neither a name known here nor a handle nothing can be reached but what is remembered, until the kernel
 * forgets it. It still sends the times of such files; were they refused, the next sync of all files would fail.
 */
function setGone(
  inode: Inode,
  stat: Stat,
  { mode, uid, gid, size, atimeNs, mtimeNs, ctimeNs }: AttributeChanges,
): void {
  if (size !== undefined) throw new DfsError('not-found', 'the file is gone')
  const now = nowNs()
  const timeOf = (time: Time | undefined, before: bigint) => (time === 'now' ? now : (time ?? before))
  const changed = {
    ...stat,
    mode: mode === undefined ? stat.mode : (stat.mode & MODE.FORMAT) | (mode & MODE.PERMISSIONS),
    uid: uid ?? stat.uid,
    gid: gid ?? stat.gid,
    atimeNs: timeOf(atimeNs, stat.atimeNs),
    mtimeNs: timeOf(mtimeNs, stat.mtimeNs),
    ctimeNs: ctimeNs ?? now,
  }
  inode.lastStat = changed
  const { file } = inode
  if (file === undefined) return
  if (mode !== undefined) file.mode = mode & MODE.PERMISSIONS
  file.mtimeNs = timeOf(mtimeNs, file.mtimeNs)
  file.ctimeNs = changed.ctimeNs
}
