/**
 * Extended attributes: those of the object below, and a few read-only ones by which dfs tells a file's state.
 * The latter answer by name and are never listed, so that copies do not carry them.
 */
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
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
import type { Inode } from './inode-table.ts'
import type { Services } from './services.ts'

const OWN_PREFIX = 'user.dfs.'
const CAPABILITIES = 'security.capability'

export class Xattrs {
  readonly #services: Services

  constructor(services: Services) {
    this.#services = services
  }

  get(inode: Inode, name: ByteString): Buffer | undefined {
    if (name.startsWith(OWN_PREFIX)) return ownAttribute(inode, name)
    if (name === CAPABILITIES && inode.hasNoCapabilities) return undefined
    const { fd, dirFd, stored } = this.#where(inode)
    const value = fd === undefined ? getXattrAt(dirFd, stored, name) : getXattrFd(fd, name)
    if (name === CAPABILITIES) inode.hasNoCapabilities = value === undefined
    return value
  }

  list(inode: Inode): ByteString[] {
    const { fd, dirFd, stored } = this.#where(inode)
    const names = fd === undefined ? listXattrsAt(dirFd, stored) : listXattrsFd(fd)
    return names.filter((name) => !name.startsWith(OWN_PREFIX))
  }

  set(inode: Inode, name: ByteString, value: Buffer, flags: number): void {
    refuseOwn(name)
    if (name === CAPABILITIES) inode.hasNoCapabilities = false
    inode.statSinceMade = undefined
    const { fd, dirFd, stored } = this.#where(inode)
    if (fd === undefined) setXattrAt(dirFd, stored, name, value, flags)
    else setXattrFd(fd, name, value, flags)
  }

  remove(inode: Inode, name: ByteString): void {
    refuseOwn(name)
    inode.statSinceMade = undefined
    const { fd, dirFd, stored } = this.#where(inode)
    if (fd === undefined) removeXattrAt(dirFd, stored, name)
    else removeXattrFd(fd, name)
  }

  #where(inode: Inode): { fd: number | undefined; dirFd: number; stored: ByteString } {
    const { tree, table } = this.#services
    if (inode.heldFd !== undefined) return { fd: inode.heldFd, dirFd: -1, stored: '' }
    if (inode === table.root) return { fd: tree.rootFd, dirFd: -1, stored: '' }
    return { fd: undefined, dirFd: tree.directoryFd(inode.place.parent), stored: tree.storedName(inode) }
  }
}

function ownAttribute({ file, kind }: Inode, name: ByteString): Buffer | undefined {
  if (kind === 'plain' && name === `${OWN_PREFIX}state`) return Buffer.from('plain')
  if (file === undefined) return undefined
  if (name === `${OWN_PREFIX}state`) return Buffer.from(file.changed ? 'dirty' : 'local')
  if (name === `${OWN_PREFIX}local_bytes`) return Buffer.from(String(file.size))
  if (name === `${OWN_PREFIX}replicas`) return Buffer.from('0')
  if (name === `${OWN_PREFIX}cid`) {
    const root = file.content?.root
    return root?.kind === 'ref' ? Buffer.from(root.ref.cid) : undefined
  }
  return undefined
}

function refuseOwn(name: ByteString): void {
  if (name.startsWith(OWN_PREFIX)) throw new DfsError('not-permitted', `${OWN_PREFIX}* attributes cannot be set`)
}
