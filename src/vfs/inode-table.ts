/**
 * Inode table: gives each object the kernel has looked up a stable number.
 *
 * A number lives while the kernel may still name it: entries leave on forget, never on unlink, and numbers are not
 * reused within one mount. Objects of the disk below are told apart by (dev, ino, birth time), for their own inode
 * numbers are reused before the kernel forgets.
 */
import type { ByteString, Ino } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import type { Stat } from '../posix/stat.ts'
import { type Change, ROOT_INO } from './operations.ts'
import type { StubFile } from './stub-file.ts'

/**
 * `stub`: a file of dfs. `plain`: a regular file not yet adopted. `other`: symlink, fifo, socket, device.
 */
export type InodeKind = 'stub' | 'plain' | 'directory' | 'other'

export interface Place {
  readonly parent: Inode
  readonly name: ByteString
}

/** What tells an object of the disk below from all others, also from those that had its inode number before. */
export type ObjectIdentity = Pick<Stat, 'dev' | 'ino' | 'btimeNs'>

/** Shared by all that is no directory: nothing is ever put in. */
const NO_CHILDREN = new Map<ByteString, Inode>()
const NO_INOS: readonly Ino[] = []

export class Inode {
  /** The number that lookups give. */
  ino: Ino
  /** Numbers it had before, by which the kernel may still name it. */
  formerInos = NO_INOS
  kind: InodeKind
  dev: number
  statIno: number
  btimeNs: bigint
  /** Names by which it can be reached, the last one found or made at the end. Empty once it is unlinked. */
  places: readonly Place[] = []
  lookups = 0
  /** Open handles. */
  opens = 0
  /** Of the stub or directory, from when it loses its name until the last handle is gone. */
  heldFd: number | undefined
  /** What it was when it lost its last known name, for whoever still asks; its links are those that were left. */
  lastStat: Stat | undefined
  /** Of a stub made here that is open since: what the object below is, until one of us changes its owner, times or names. */
  statSinceMade: Stat | undefined
  /** Known to have no file capabilities: the kernel asks before every write. */
  hasNoCapabilities = false
  /** Of a directory: known to hand down no access control list; asked of it before everything that is made in it. */
  handsDownNoAcl = false
  /** Of a stub. */
  file: StubFile | undefined
  /** Of a directory: the entries known. */
  readonly children: Map<ByteString, Inode>

  constructor(ino: Ino, kind: InodeKind, stat: ObjectIdentity) {
    this.ino = ino
    this.kind = kind
    this.dev = stat.dev
    this.statIno = stat.ino
    this.btimeNs = stat.btimeNs
    this.children = kind === 'directory' ? new Map() : NO_CHILDREN
  }

  get place(): Place {
    const place = this.places.at(-1)
    if (place === undefined) throw new DfsError('not-found', 'the object has no name any more')
    return place
  }

  is(stat: ObjectIdentity): boolean {
    return stat.ino === this.statIno && stat.dev === this.dev && stat.btimeNs === this.btimeNs
  }
}

export class InodeTable {
  readonly root: Inode
  readonly #byIno = new Map<Ino, Inode>()
  /** By inode number, and device where it is not the root's. Of two objects with one number the later is the one that is there. */
  readonly #byObject = new Map<number | string, Inode>()
  readonly #listeners = new Set<(change: Change) => void>()
  #next = ROOT_INO + 1
  /** Told of each directory that nobody names any more. */
  onDirectoryForgotten: (directory: Inode) => void = () => {}

  constructor(rootStat: Stat) {
    this.root = new Inode(ROOT_INO, 'directory', rootStat)
    this.#byIno.set(ROOT_INO, this.root)
    this.#byObject.set(this.#keyOf(rootStat), this.root)
  }

  get size(): number {
    return this.#byIno.size
  }

  get(ino: Ino): Inode {
    const inode = this.#byIno.get(ino)
    if (inode === undefined) throw new DfsError('stale', `inode ${ino} is not known`)
    return inode
  }

  /** The inode of an object below; undefined if it is not known. */
  peek(stat: ObjectIdentity): Inode | undefined {
    const inode = this.#byObject.get(this.#keyOf(stat))
    return inode?.is(stat) === true ? inode : undefined
  }

  /** The inode of an object below, made if it is new, known from now on by this place too. */
  intern(stat: Stat, kind: InodeKind, parent: Inode, name: ByteString): Inode {
    let inode = this.peek(stat)
    if (inode === undefined || inode.kind !== kind) {
      inode = this.#add(kind, stat)
    }
    this.addPlace(inode, parent, name)
    return inode
  }

  /** The inode of a new stub that has no name. */
  addNameless(stat: Stat): Inode {
    return this.#add('stub', stat)
  }

  /** Turns a plain file's inode into that of the stub that took its place; whoever knows the number sees the stub. */
  becomeStub(inode: Inode, stat: Stat, file: StubFile): void {
    this.#forgetObject(inode)
    inode.kind = 'stub'
    inode.dev = stat.dev
    inode.statIno = stat.ino
    inode.btimeNs = stat.btimeNs
    inode.file = file
    this.#byObject.set(this.#keyOf(stat), inode)
  }

  /** The object below is gone for good: what has its number and birth time from now on is another, born within one tick. */
  noteGone(inode: Inode): void {
    this.#forgetObject(inode)
  }

  /** Hears what `noteName` and `noteContent` say, until the function it returns is called. */
  watch(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A name was made, taken away or given to another object by nobody who looked it up here. */
  noteName(parent: Inode, name: ByteString): void {
    for (const listener of this.#listeners) {
      listener({ parent: parent.ino, name })
      // What is remembered of a directory's listing stays if the name is one that nobody has looked up.
      listener({ ino: parent.ino })
    }
  }

  /** An object has other attributes, by nobody who asked for that here. */
  noteAttributes(inode: Inode): void {
    for (const listener of this.#listeners) listener({ ino: inode.ino })
  }

  /**
   * A file has other content, by nobody who opened it here. It gets a new number: of an object that the kernel knows
   * by the old one it believes its own size and times, and its own pages.
   */
  noteContent(inode: Inode): void {
    for (const listener of this.#listeners) listener({ ino: inode.ino })
    inode.formerInos = [...inode.formerInos, inode.ino]
    inode.ino = this.#next++ as Ino
    this.#byIno.set(inode.ino, inode)
    for (const { parent, name } of inode.places) this.noteName(parent, name)
  }

  addPlace(inode: Inode, parent: Inode, name: ByteString): void {
    const before = parent.children.get(name)
    if (before === inode) return
    if (before !== undefined) this.removePlace(before, parent, name)
    parent.children.set(name, inode)
    const place = { parent, name }
    // An array that grows has room for seventeen.
    inode.places = inode.places.length === 0 ? [place] : [...inode.places, place]
    inode.lastStat = undefined
    inode.statSinceMade = undefined
  }

  removePlace(inode: Inode, parent: Inode, name: ByteString): void {
    inode.statSinceMade = undefined
    if (parent.children.get(name) === inode) parent.children.delete(name)
    inode.places = inode.places.filter((place) => place.parent !== parent || place.name !== name)
  }

  /** Takes `count` lookups back. */
  forget(inode: Inode, count: number): void {
    inode.lookups = Math.max(0, inode.lookups - count)
    this.release(inode)
  }

  /** Lets go of an inode that nobody names, has open, or still has to store; and of its parents likewise. */
  release(inode: Inode): void {
    if (inode === this.root || inode.lookups > 0 || inode.opens > 0 || inode.children.size > 0) return
    if (inode.file?.isBusy === true) return
    for (const ino of [inode.ino, ...inode.formerInos]) this.#byIno.delete(ino)
    this.#forgetObject(inode)
    if (inode.kind === 'directory') this.onDirectoryForgotten(inode)
    const places = inode.places
    inode.places = []
    for (const { parent, name } of places) {
      if (parent.children.get(name) === inode) parent.children.delete(name)
      this.release(parent)
    }
  }

  #add(kind: InodeKind, stat: Stat): Inode {
    const inode = new Inode(this.#next++ as Ino, kind, stat)
    this.#byIno.set(inode.ino, inode)
    this.#byObject.set(this.#keyOf(stat), inode)
    return inode
  }

  #forgetObject(inode: Inode): void {
    const key = this.#keyOf({ dev: inode.dev, ino: inode.statIno })
    if (this.#byObject.get(key) === inode) this.#byObject.delete(key)
  }

  #keyOf({ dev, ino }: Pick<Stat, 'dev' | 'ino'>): number | string {
    return dev === this.root.dev ? ino : `${dev}.${ino}`
  }

  *values(): Generator<Inode> {
    for (const [ino, inode] of this.#byIno) if (inode.ino === ino) yield inode
  }
}

/** Tells objects of the disk below apart, also from those that had the same inode number before. */
export function objectKey({ dev, ino, btimeNs }: ObjectIdentity): string {
  return `${dev}.${ino}.${btimeNs}`
}
