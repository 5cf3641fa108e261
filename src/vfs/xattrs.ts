/**
 * Extended attributes: those of the object below, and a few read-only ones by which dfs tells a file's state.
 * The latter answer by name and are never listed, so that copies do not carry them.
 *
 * A file's access control list is its stub's, but for what the mode says too: there the file's own mode counts, for
 * a stub may be open to its owner where the file is not.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { ACL, aclWithMode, modeOfAcl } from '../posix/acl.ts'
import {
  getXattrAt,
  getXattrFd,
  listXattrsAt,
  listXattrsFd,
  removeXattrAt,
  removeXattrFd,
  setXattrAt,
  setXattrFd,
} from '../posix/xattrs.ts'
import { belowMode } from '../seal/stub-mode.ts'
import type { Committer } from './committer.ts'
import type { Inode } from './inode-table.ts'
import type { Awaitable } from './operations.ts'
import { OwnAttributes } from './own-attributes.ts'
import type { Services } from './services.ts'

const OWN_PREFIX = 'user.dfs.'
const CAPABILITIES = 'security.capability'

export class Xattrs {
  readonly #services: Services
  readonly #own: OwnAttributes

  /** Whether the disk below has access control lists. */
  readonly keepsAcls: boolean

  constructor({ services, committer }: { services: Services; committer: Committer }) {
    this.#services = services
    this.#own = new OwnAttributes(services, committer)
    this.keepsAcls = hasAcls(services.tree.rootFd)
  }

  get(inode: Inode, name: ByteString): Awaitable<Buffer | undefined> {
    if (name.startsWith(OWN_PREFIX)) return this.#own.get(inode, name.slice(OWN_PREFIX.length))
    return this.#get(inode, name)
  }

  /** Whether what is made in a directory gets its rights from the directory. */
  hasDefaultAcl(directory: Inode): boolean {
    return this.#defaultAcl(directory) !== undefined
  }

  #get(inode: Inode, name: ByteString): Buffer | undefined {
    if (name === CAPABILITIES && inode.hasNoCapabilities) return undefined
    if (name === ACL.ACCESS) return this.#acl(inode, name)
    if (name === ACL.DEFAULT) return this.#defaultAcl(inode)
    const value = this.#valueBelow(inode, name)
    if (name === CAPABILITIES) inode.hasNoCapabilities = value === undefined
    return value
  }

  list(inode: Inode): ByteString[] {
    const { fd, dirFd, stored } = this.#where(inode)
    const names = fd === undefined ? listXattrsAt(dirFd, stored) : listXattrsFd(fd)
    return names.filter((name) => !name.startsWith(OWN_PREFIX))
  }

  /** Gives the permission bits that the file has from now on, if that is what the attribute says. */
  set(inode: Inode, name: ByteString, value: Buffer, flags: number): number | undefined {
    refuseOwn(name)
    if (name === CAPABILITIES) inode.hasNoCapabilities = false
    if (name === ACL.DEFAULT) inode.handsDownNoAcl = false
    inode.statSinceMade = undefined
    const mode = name === ACL.ACCESS ? modeOfAcl(value) : undefined
    const { fd, dirFd, stored } = this.#where(inode)
    const below = mode === undefined || inode.file === undefined ? value : aclWithMode(value, belowMode(mode))
    if (fd === undefined) setXattrAt(dirFd, stored, name, below, flags)
    else setXattrFd(fd, name, below, flags)
    return inode.file === undefined ? undefined : mode
  }

  remove(inode: Inode, name: ByteString): void {
    refuseOwn(name)
    inode.statSinceMade = undefined
    const { fd, dirFd, stored } = this.#where(inode)
    if (fd === undefined) removeXattrAt(dirFd, stored, name)
    else removeXattrFd(fd, name)
  }

  #defaultAcl(inode: Inode): Buffer | undefined {
    if (inode.handsDownNoAcl) return undefined
    const list = this.#acl(inode, ACL.DEFAULT)
    inode.handsDownNoAcl = list === undefined
    return list
  }

  #acl(inode: Inode, name: ByteString): Buffer | undefined {
    try {
      const list = this.#valueBelow(inode, name)
      return list === undefined || inode.file === undefined ? list : aclWithMode(list, inode.file.mode)
    } catch (error) {
      // Another disk below, mounted within the folder, that has none: the kernel would refuse every access.
      if (this.keepsAcls && kindOf(error) === 'unsupported') return undefined
      throw error
    }
  }

  #valueBelow(inode: Inode, name: ByteString): Buffer | undefined {
    const { fd, dirFd, stored } = this.#where(inode)
    return fd === undefined ? getXattrAt(dirFd, stored, name) : getXattrFd(fd, name)
  }

  #where(inode: Inode): { fd: number | undefined; dirFd: number; stored: ByteString } {
    const { tree, table } = this.#services
    if (inode.heldFd !== undefined) return { fd: inode.heldFd, dirFd: -1, stored: '' }
    if (inode === table.root) return { fd: tree.rootFd, dirFd: -1, stored: '' }
    return { fd: undefined, dirFd: tree.directoryFd(inode.place.parent), stored: tree.storedName(inode) }
  }
}

function hasAcls(rootFd: number): boolean {
  try {
    getXattrFd(rootFd, ACL.DEFAULT)
    return true
  } catch (error) {
    if (kindOf(error) === 'unsupported') return false
    throw error
  }
}

function refuseOwn(name: ByteString): void {
  if (name.startsWith(OWN_PREFIX)) throw new DfsError('not-permitted', `${OWN_PREFIX}* attributes cannot be set`)
}
