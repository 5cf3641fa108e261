/**
 * Objects inside an open folder, found and walked through the folder's own operations, never through a mount.
 * Every lookup is given back.
 */
import { textOf } from '../bytes/byte-string.ts'
import { Slices } from '../concurrency/slices.ts'
import type { ByteString, Ino } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { mayBeStub, visibleNameOfOther, visibleNameOfStub } from '../format/stored-name.ts'
import { type Attributes, type FilesystemOperations, ROOT_INO } from '../vfs/operations.ts'

const TYPE_MASK = 0o170000
const TYPE_DIRECTORY = 0o040000
const TYPE_FILE = 0o100000
const TYPE_SYMLINK = 0o120000

export interface InsideObject {
  /** As the mount shows it; empty for the root. */
  readonly path: ByteString
  readonly attributes: Attributes
}

export function isDirectory({ mode }: Attributes): boolean {
  return (mode & TYPE_MASK) === TYPE_DIRECTORY
}

export function isFile({ mode }: Attributes): boolean {
  return (mode & TYPE_MASK) === TYPE_FILE
}

export function isSymlink({ mode }: Attributes): boolean {
  return (mode & TYPE_MASK) === TYPE_SYMLINK
}

/**
 * Finds the object that a person means by `path` and runs `work` while it is held. Through a mount people see
 * shown names, without one stubs (`NAME.f`): the names of their side come first, but both are understood.
 * Fails with `not-found`.
 */
export async function withObject<T>(
  filesystem: FilesystemOperations,
  path: ByteString,
  { mounted }: { mounted: boolean },
  work: (object: InsideObject) => Promise<T> | T,
): Promise<T> {
  const held: Ino[] = []
  try {
    let object: InsideObject = { path: '', attributes: await filesystem.getattr(ROOT_INO) }
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next = await lookupAs(filesystem, object, candidates(name, mounted))
      if (next === undefined) throw new DfsError('not-found', 'there is no such file', { subject: textOf(path) })
      held.push(next.attributes.ino)
      object = next
    }
    return await work(object)
  } finally {
    for (const ino of held) filesystem.forget(ino, 1)
  }
}

/** Yields every file, directory and link at and below `object`, which must be held; paced, for most lookups wait for nothing. */
export async function* walk(
  filesystem: FilesystemOperations,
  object: InsideObject,
  slices = new Slices(),
): AsyncGenerator<InsideObject> {
  await slices.next()
  yield object
  if (!isDirectory(object.attributes)) return
  for (const name of await namesIn(filesystem, object.attributes.ino)) {
    const child = await lookupAs(filesystem, object, [name])
    if (child === undefined) continue // It went in between.
    try {
      yield* walk(filesystem, child, slices)
    } finally {
      filesystem.forget(child.attributes.ino, 1)
    }
  }
}

/** `prog.f` is the stub of `prog`, or a file that is called so; `src.f~` is a directory `src.f`. */
function candidates(name: ByteString, mounted: boolean): ByteString[] {
  const visible = mayBeStub(name) ? visibleNameOfStub(name) : visibleNameOfOther(name)
  if (visible === name) return [name]
  return mounted ? [name, visible] : [visible, name]
}

async function lookupAs(
  filesystem: FilesystemOperations,
  { path, attributes }: InsideObject,
  names: readonly ByteString[],
): Promise<InsideObject | undefined> {
  for (const name of names) {
    const found = await filesystem.lookup(attributes.ino, name)
    if (found !== undefined) return { path: path === '' ? name : `${path}/${name}`, attributes: found }
  }
  return undefined
}

async function namesIn(filesystem: FilesystemOperations, ino: Ino): Promise<ByteString[]> {
  const handle = await filesystem.opendir(ino)
  try {
    const entries = await filesystem.readdir(handle)
    return entries.map(({ name }) => name).filter((name) => name !== '.' && name !== '..')
  } finally {
    await filesystem.releasedir(handle)
  }
}
