/**
 * Finds objects by their names, and says which names may be made or changed.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { checkName, RESERVED_NAME } from '../format/stored-name.ts'
import { type Stat, statAt } from '../posix/stat.ts'
import type { Inode } from './inode-table.ts'
import type { Services } from './services.ts'
import { StubFile } from './stub-file.ts'
import type { Found } from './stub-tree.ts'

export interface FoundInode {
  readonly inode: Inode
  readonly stat: Stat
}

/**
 * Made once, for a trace takes longer than the rest: the kernel sends a time of change after each removal, and what was
 * removed is often a version by then.
 */
const READ_ONLY = new DfsError('read-only', 'what is below .dfs cannot be changed here')

export class Finder {
  readonly #services: Services

  constructor(services: Services) {
    this.#services = services
  }

  /**
   * The object of this name, known to the table; undefined if there is none. Adds no lookup. `seen`: what the disk has by this
   * name, if that was found out a moment ago.
   */
  find(parent: Inode, name: ByteString, seen?: Found): FoundInode | undefined {
    const { tree, table } = this.#services
    requireDirectory(parent)
    const found = seen ?? tree.find(parent, name)
    if (found === undefined) {
      const gone = parent.children.get(name)
      if (gone !== undefined && gone.file?.isBusy !== true) table.removePlace(gone, parent, name)
      return undefined
    }
    return { inode: this.intern(found, parent, name), stat: found.stat }
  }

  /** As `find`. Fails with `not-found`. */
  found(parent: Inode, name: ByteString): FoundInode {
    const found = this.find(parent, name)
    if (found === undefined) throw new DfsError('not-found', 'there is no such file')
    return found
  }

  /** The object of a name that is about to change. Fails with `not-found`, `read-only`. */
  require(parent: Inode, name: ByteString): FoundInode {
    this.checkMayChange(parent)
    const found = this.found(parent, name)
    if (this.#isReservedRoot(parent, name)) throw READ_ONLY
    return found
  }

  /** Refuses a name that cannot be made; `stored` is what the object would be called on disk. */
  checkNew(parent: Inode, name: ByteString, stored: ByteString): void {
    this.checkMayMake(parent, name, stored)
    const found = this.#services.tree.find(parent, name)
    if (found !== undefined) throw new DfsError('exists', 'the name exists')
  }

  /** The same, but for whether the name exists. */
  checkMayMake(parent: Inode, name: ByteString, stored: ByteString): void {
    requireDirectory(parent)
    checkName(name, stored)
    this.checkMayChange(parent)
    if (this.#isReservedRoot(parent, name)) throw READ_ONLY
  }

  /** Fails with `read-only` for what is at or below `.dfs`. What has no name any more may be changed. */
  checkMayChange(inode: Inode): void {
    for (let at = inode; at !== this.#services.table.root && at.places.length > 0; at = at.place.parent) {
      if (this.#isReservedRoot(at.place.parent, at.place.name)) throw READ_ONLY
    }
  }

  /** The name on disk of an object found by this visible name. */
  storedNameHere(inode: Inode, parent: Inode, name: ByteString): ByteString {
    const { tree } = this.#services
    const usual = tree.storedName(inode, name)
    if (inode.kind === 'stub' || inode.kind === 'plain' || usual === name) return usual
    return statAt(tree.directoryFd(parent), usual) === undefined ? name : usual
  }

  /** The inode of what was found, known to the table from now on. */
  intern({ stored, stat, kind, attributes }: Found, parent: Inode, name: ByteString): Inode {
    const { tree, table } = this.#services
    const known = parent.children.get(name)
    if (known !== undefined && known.kind === kind && known.is(stat)) return known
    if (kind !== 'stub') return table.intern(stat, kind, parent, name)
    // A file known by another name knows itself better than its stub does.
    if (table.peek(stat)?.kind === kind) return table.intern(stat, kind, parent, name)
    // Asked before anything is remembered, for a damaged stub fails here.
    const said = attributes ?? tree.attributes(tree.directoryFd(parent), stored, stat)
    const inode = table.intern(stat, kind, parent, name)
    inode.file = new StubFile(inode, said)
    return inode
  }

  #isReservedRoot(parent: Inode, name: ByteString): boolean {
    return name === RESERVED_NAME && parent === this.#services.table.root
  }
}

export function requireDirectory(inode: Inode): void {
  if (inode.kind !== 'directory') throw new DfsError('not-a-directory', 'it is not a directory')
}
