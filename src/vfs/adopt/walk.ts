/**
 * Finds the plain files at and below a place of a folder. Never enters `.dfs`, never another disk, never follows a
 * symbolic link; a file or directory whose name something else has taken is left out.
 */

import { Slices } from '../../concurrency/slices.ts'
import type { ByteString } from '../../dfs.ts'
import { DfsError, kindOf } from '../../errors.ts'
import { mayBeStub, RESERVED_NAME, visibleNameOfOther } from '../../format/stored-name.ts'
import { closeFd, O, openAt } from '../../posix/files.ts'
import { iterateDirectory } from '../../posix/listing.ts'
import { MODE, type Stat, statAt } from '../../posix/stat.ts'
import { type Inode, objectKey, type Place } from '../inode-table.ts'
import type { Services } from '../services.ts'
import { isRegular } from '../stub-tree.ts'

/** One name of a plain file. */
export interface PlainName extends Place {
  /** As a person sees it, from the folder's root. */
  readonly path: ByteString
}

export interface Found {
  readonly name: PlainName
  readonly stat: Stat
}

/** Told of each file and directory that stays as it is. Throws what ends the whole run. */
export type OnLeft = (path: ByteString, why: unknown) => void

interface Directory {
  readonly inode: Inode
  readonly path: ByteString
}

type WalkServices = Pick<Services, 'tree' | 'table'>

/** The plain file of this stored name; undefined if there is none, or a stub. */
export function plainAt({ tree }: WalkServices, parent: Inode, name: ByteString): Stat | undefined {
  const dirFd = tree.directoryFd(parent)
  const stat = statAt(dirFd, name)
  if (stat === undefined || !isRegular(stat)) return undefined
  return mayBeStub(name) && tree.isStub(dirFd, name, stat) ? undefined : stat
}

/**
 * The plain files at and below a visible path from `root` on ('' for all). Of those in one directory the ones named
 * like stubs come first, the longest first: each may stand where the stub of a shorter name must go.
 * Fails with `not-found`, `invalid`.
 */
export async function* walkPlainFiles(
  services: WalkServices,
  { root, path, onLeft }: { root: Inode; path: ByteString; onLeft: OnLeft },
): AsyncGenerator<Found> {
  const parts = path.split('/').filter((part) => part !== '')
  if (parts.some((part) => part === '.' || part === '..')) throw new DfsError('invalid', 'not a path within the folder')
  const last = parts.pop()
  let directory: Directory = { inode: root, path: '' }
  for (const part of parts) directory = enter(services, directory, part)
  if (last === undefined) return yield* walk(services, directory, onLeft)

  const stat = plainAt(services, directory.inode, last)
  if (stat !== undefined) return yield* oneFile(services, { name: nameIn(directory, last), stat })
  const found = services.tree.find(directory.inode, last)
  if (found === undefined) throw new DfsError('not-found', 'there is no such file', { op: 'adopt' })
  if (found.kind === 'directory') yield* walk(services, enter(services, directory, last), onLeft)
}

function* oneFile(services: WalkServices, found: Found): Generator<Found> {
  const { parent } = found.name
  parent.opens++
  try {
    yield found
  } finally {
    letGo(services, parent)
  }
}

async function* walk(services: WalkServices, start: Directory, onLeft: OnLeft): AsyncGenerator<Found> {
  const slices = new Slices()
  // Each entry keeps its parent from being forgotten.
  const pending: { parent: Directory; name: ByteString }[] = []
  let directory: Directory | undefined = start
  directory.inode.opens++
  try {
    while (directory !== undefined) {
      const { files, directories } = await list(services, directory, { slices, onLeft })
      for (const name of files) {
        const found = fileIn(services, nameIn(directory, name), onLeft)
        if (found !== undefined) yield found
        await slices.next()
      }
      for (const name of directories.reverse()) {
        pending.push({ parent: directory, name })
        directory.inode.opens++
      }
      letGo(services, directory.inode)
      directory = undefined
      while (directory === undefined && pending.length > 0) {
        const { parent, name } = pending.pop()!
        directory = tryEnter(services, parent, name, onLeft)
        if (directory !== undefined) directory.inode.opens++
        letGo(services, parent.inode)
        await slices.next()
      }
    }
  } finally {
    if (directory !== undefined) letGo(services, directory.inode)
    for (const { parent } of pending) letGo(services, parent.inode)
  }
}

/** Takes back a hold (`opens++`) on a directory that nobody may know besides. */
export function letGo({ table }: Pick<Services, 'table'>, directory: Inode): void {
  directory.opens--
  table.release(directory)
}

/** The names, as stored, of the regular files and of the directories; none where it cannot be read. */
async function list(
  { tree, table }: WalkServices,
  { inode, path }: Directory,
  { slices, onLeft }: { slices: Slices; onLeft: OnLeft },
): Promise<{ files: ByteString[]; directories: ByteString[] }> {
  const files: ByteString[] = []
  const directories: ByteString[] = []
  let fd: number | undefined
  try {
    fd = openAt(tree.directoryFd(inode), '.', O.RDONLY | O.DIRECTORY)
    for (const batch of iterateDirectory(fd)) {
      for (const { name, type } of batch) {
        const known = type === 'unknown' ? typeOf(statAt(fd, name)) : type
        if (known === 'file') files.push(name)
        if (known === 'directory' && !(inode === table.root && name === RESERVED_NAME)) directories.push(name)
      }
      await slices.next()
    }
  } catch (error) {
    onLeft(path, error)
  } finally {
    if (fd !== undefined) closeFd(fd)
  }
  const isWay = (name: ByteString) => (mayBeStub(name) ? name.length : 0)
  return { files: files.sort((a, b) => isWay(b) - isWay(a)), directories }
}

function fileIn(services: WalkServices, name: PlainName, onLeft: OnLeft): Found | undefined {
  try {
    const stat = plainAt(services, name.parent, name.name)
    if (stat !== undefined && stat.dev !== services.table.root.dev) throw otherDisk()
    return stat && { name, stat }
  } catch (error) {
    onLeft(name.path, error)
    return undefined
  }
}

function tryEnter(
  services: WalkServices,
  parent: Directory,
  stored: ByteString,
  onLeft: OnLeft,
): Directory | undefined {
  const visible = visibleNameOfOther(stored)
  try {
    const found = services.tree.find(parent.inode, visible)
    if (found?.kind === 'directory' && found.stored === stored) return enter(services, parent, visible)
    onLeft(nameIn(parent, stored).path, new DfsError('exists', 'something else of its name hides it'))
  } catch (error) {
    if (kindOf(error) !== 'not-found') onLeft(nameIn(parent, stored).path, error)
  }
  return undefined
}

/** The directory of a visible name. Fails with `not-found`, `not-a-directory`, `invalid`. */
function enter({ tree, table }: WalkServices, parent: Directory, name: ByteString): Directory {
  const { path } = nameIn(parent, name)
  const found = tree.find(parent.inode, name)
  if (found === undefined) throw new DfsError('not-found', 'there is no such directory', { op: 'adopt' })
  if (found.kind !== 'directory') throw new DfsError('not-a-directory', 'it is not a directory', { op: 'adopt' })
  if (parent.inode === table.root && name === RESERVED_NAME) {
    throw new DfsError('invalid', `what is below ${RESERVED_NAME} is dfs's own`, { op: 'adopt' })
  }
  if (found.stat.dev !== table.root.dev) throw otherDisk()
  return { inode: table.intern(found.stat, 'directory', parent.inode, name), path }
}

function otherDisk(): DfsError {
  return new DfsError('cross-device', 'it is on another disk', { op: 'adopt', mend: 'make it a folder of its own' })
}

function nameIn({ inode, path }: Directory, name: ByteString): PlainName {
  return { parent: inode, name, path: path === '' ? name : `${path}/${name}` }
}

function typeOf(stat: Stat | undefined): 'file' | 'directory' | undefined {
  if (stat === undefined) return undefined
  if (isRegular(stat)) return 'file'
  return (stat.mode & MODE.FORMAT) === MODE.DIRECTORY ? 'directory' : undefined
}

/** What a first walk over the same files tells. */
export interface Survey {
  /** Of all files; of one with several names once. */
  bytes: number
  /** Files that have several names, by `objectKey`. The parents of the names are held until `letGoOf`. */
  readonly linked: Map<string, LinkedFile>
}

export interface LinkedFile {
  readonly names: [PlainName, ...PlainName[]]
  isTaken: boolean
}

export async function survey(services: Pick<Services, 'table'>, found: AsyncIterable<Found>): Promise<Survey> {
  const result: Survey = { bytes: 0, linked: new Map() }
  try {
    for await (const { name, stat } of found) {
      const file = stat.nlink > 1 ? result.linked.get(objectKey(stat)) : undefined
      if (file === undefined) result.bytes += stat.size
      if (stat.nlink <= 1) continue
      name.parent.opens++
      if (file === undefined) result.linked.set(objectKey(stat), { names: [name], isTaken: false })
      else file.names.push(name)
    }
    return result
  } catch (error) {
    letGoOf(services, result)
    throw error
  }
}

export function letGoOf(services: Pick<Services, 'table'>, { linked }: Survey): void {
  for (const { names } of linked.values()) for (const { parent } of names) letGo(services, parent)
}
