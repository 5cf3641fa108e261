/**
 * What the index says of an object beside what the disk has.
 */
import type { SyncEntry } from '../format/sync-entry.ts'
import type { Xattr } from '../format/xattrs.ts'
import type { DiskObject, ObjectState, SyncDisk } from './disk.ts'
import { isSameContent } from './entry-merge.ts'
import { type Shown, shownAttributes } from './shown-tree.ts'

/** What an object is to be on the disk. */
export function stateOf(shown: Shown): ObjectState {
  const { kind, content } = shown.objects[0].entry
  const { mtimeNs, ...attributes } = shownAttributes(shown)
  return { kind, content: content.value ?? { kind: 'nothing' }, mtimeNs, attributes }
}

/** The same of an entry that is shown by itself and is not deleted. */
export function stateOfEntry({ kind, content, mtime, attributes }: SyncEntry): ObjectState {
  const { mode, uid, gid, xattrs } = attributes.value
  return {
    kind,
    content: content.value ?? { kind: 'nothing' },
    mtimeNs: mtime.value,
    attributes: { mode, uid, gid, xattrs },
  }
}

export function isEqualState(a: ObjectState, b: ObjectState, disk: Pick<SyncDisk, 'setsOwners'>): boolean {
  return a.kind === b.kind && isSameContent(a.content, b.content) && isDescribedAlike(a, b, disk)
}

/** Whether attributes are the same, and the mtime, where it says something: a directory's is that of what is in it. */
export function isDescribedAlike(
  a: ObjectState,
  b: ObjectState,
  { setsOwners }: Pick<SyncDisk, 'setsOwners'>,
): boolean {
  const [one, other] = [a.attributes, b.attributes]
  if (a.kind !== 'symlink' && one.mode !== other.mode) return false
  if (setsOwners && (one.uid !== other.uid || one.gid !== other.gid)) return false
  if (a.kind === 'file' && a.mtimeNs !== b.mtimeNs) return false
  return isEqualList(one.xattrs, other.xattrs)
}

/** Whether what stands for an object is to carry its id and does not: others were copied from it, or it came with one. */
export function isUnmarked({ kind, id }: DiskObject, { objects }: Shown): boolean {
  return (kind === 'directory' || kind === 'file') && !objects.some(({ entry }) => entry.id === id)
}

function isEqualList(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  if (a.length !== b.length) return false
  return a.every(({ name, value }, at) => b[at]!.name === name && b[at]!.value.equals(value))
}
