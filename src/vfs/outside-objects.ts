/**
 * What stands in a folder, as it can be carried to other devices: by the path that a person sees, and as of what is
 * committed.
 */
import { byteStringOf } from '../bytes/byte-string.ts'
import type { ByteString } from '../dfs.ts'
import { type ErrorKind, kindOf } from '../errors.ts'
import type { ObjectKind, SyncAttributes, SyncContent } from '../format/sync-entry.ts'
import type { Xattr } from '../format/xattrs.ts'
import { O } from '../posix/files.ts'
import { readLinkAt } from '../posix/names.ts'
import { MODE, type Stat, statFd } from '../posix/stat.ts'
import { getXattrAt, getXattrFd, listXattrsAt, listXattrsFd } from '../posix/xattrs.ts'
import { readXattrs } from '../seal/carried-xattrs.ts'
import type { FolderFiles } from './folder-files.ts'
import type { FolderPaths } from './folder-paths.ts'
import { type Inode, objectKey } from './inode-table.ts'
import type { Services } from './services.ts'

export interface OutsideState {
  readonly kind: ObjectKind
  readonly content: SyncContent
  readonly mtimeNs: bigint
  readonly attributes: SyncAttributes
}

export interface OutsideObject extends OutsideState {
  /** Of a file its file id, of a directory what it was marked with; undefined if it carries none. */
  readonly id: string | undefined
  /** Tells it from all others on the disk. */
  readonly identity: string
}

/** What a directory is marked with. It is listed nowhere, for that is how dfs's own attributes are. */
export const MARK = byteStringOf('user.dfs.object')

const SYMLINK_MODE = 0o777
/** What a stub says that nobody can read. */
const UNREADABLE: ReadonlySet<ErrorKind> = new Set(['corrupt', 'wrong-key', 'newer-version'])

/** `busy`: it is open for writing, or not stored yet, or its owner keeps himself from seeing it. `foreign`: it is nothing that is carried, or damaged. */
export function lookOutside(
  services: Services,
  paths: FolderPaths,
  path: ByteString,
): OutsideObject | 'busy' | 'foreign' | undefined {
  try {
    const inode = paths.find(path)
    if (inode === undefined) return undefined
    try {
      return objectOf(services, inode)
    } finally {
      paths.letGo(inode)
    }
  } catch (error) {
    if (UNREADABLE.has(kindOf(error))) return 'foreign'
    if (kindOf(error) === 'no-permission') return 'busy'
    // Taken away below us, between two looks.
    if (kindOf(error) === 'not-found' || kindOf(error) === 'stale') return undefined
    throw error
  }
}

function objectOf(services: Services, inode: Inode): OutsideObject | 'busy' | 'foreign' {
  const { tree } = services
  switch (inode.kind) {
    case 'plain':
      return 'foreign'
    case 'stub':
      return fileOf(services, inode)
    case 'directory':
      return tree.withStub(inode, O.RDONLY | O.DIRECTORY, directoryOf)
    case 'other':
      return otherOf(services, inode)
  }
}

function fileOf({ tree }: Services, inode: Inode): OutsideObject | 'busy' {
  const file = inode.file!
  if (file.writers > 0 || file.changed || file.contentChanged || file.sealing.size > 0) return 'busy'
  return tree.withStub(inode, O.RDONLY, (fd) => {
    const stat = statFd(fd)
    const { content, meta: inStub, sequence } = tree.loadFd(fd, stat).state
    // Names and attributes may have been changed since, and be in the journal.
    const { fileId, meta } = file.needsCheckpoint ? file : { fileId: file.fileId, meta: inStub }
    return {
      kind: 'file',
      id: sequence === 0 ? undefined : fileId.toString('hex'),
      identity: objectKey(stat),
      content: { kind: 'file', size: meta.size, content },
      mtimeNs: meta.mtimeNs,
      attributes: { mode: meta.mode, uid: stat.uid, gid: stat.gid, xattrs: xattrsOf(fd) },
    }
  })
}

function directoryOf(fd: number): OutsideObject {
  const stat = statFd(fd)
  const mark = markOf(() => getXattrFd(fd, MARK))
  return {
    kind: 'directory',
    id: mark,
    identity: objectKey(stat),
    content: { kind: 'nothing' },
    mtimeNs: stat.mtimeNs,
    attributes: { mode: stat.mode & MODE.PERMISSIONS, uid: stat.uid, gid: stat.gid, xattrs: xattrsOf(fd) },
  }
}

function otherOf({ tree }: Services, inode: Inode): OutsideObject | 'foreign' {
  const stat = tree.stat(inode)
  const format = stat.mode & MODE.FORMAT
  const { uid, gid, mtimeNs } = stat
  const [dirFd, stored] = [tree.directoryFd(inode.place.parent), tree.storedName(inode)]
  const common = { id: undefined, identity: objectKey(stat), mtimeNs }
  if (format === MODE.SYMLINK) {
    const content: SyncContent = { kind: 'symlink', target: readLinkAt(dirFd, stored) }
    return { ...common, kind: 'symlink', content, attributes: { mode: SYMLINK_MODE, uid, gid, xattrs: [] } }
  }
  if (format !== MODE.FIFO) return 'foreign'
  const access = { list: () => listXattrsAt(dirFd, stored), get: (name: ByteString) => getXattrAt(dirFd, stored, name) }
  const xattrs = readXattrs(stored, access, () => undefined).xattrs ?? []
  return { ...common, kind: 'fifo', content: { kind: 'nothing' }, attributes: { mode: modeOf(stat), uid, gid, xattrs } }
}

function modeOf({ mode }: Stat): number {
  return mode & MODE.PERMISSIONS
}

function xattrsOf(fd: number): readonly Xattr[] {
  const access = { list: () => listXattrsFd(fd), get: (name: ByteString) => getXattrFd(fd, name) }
  return readXattrs('', access, () => undefined).xattrs ?? []
}

function markOf(get: () => Buffer | undefined): string | undefined {
  try {
    const mark = get()?.toString('hex')
    return mark === '' ? undefined : mark
  } catch (error) {
    if (kindOf(error) === 'unsupported') return undefined
    throw error
  }
}

/** The names in a directory; none where there is no directory. */
export async function listOutside(
  { paths, files }: { paths: FolderPaths; files: FolderFiles },
  path: ByteString,
): Promise<ByteString[]> {
  const inode = paths.find(path)
  if (inode?.kind !== 'directory') return []
  try {
    return (await files.names(inode.ino)).map(({ name }) => name)
  } finally {
    paths.letGo(inode)
  }
}
