/**
 * Two states of one object as one.
 *
 * Version, deletion, placement, content, mtime and attributes are merged each by itself, always to the greater of two in an
 * order that is total: so merging is commutative, associative and idempotent, and whoever has heard of the same changes
 * has the same entry, in whatever order they came (a state-based CRDT: Shapiro et al., 2011). The later of two changes
 * wins, and a change counts as later than all that its author knew of; so whatever was known is never put back.
 *
 * Nothing that somebody wrote is lost by it: where neither author knew of the other's content, that which does not win
 * becomes an object of its own, a copy, with an id that follows from the change it is from. All who find the same conflict
 * make the same copy.
 */
import { Writer } from '../bytes/cursor.ts'
import { DfsError } from '../errors.ts'
import { contentBytes } from '../format/content.ts'
import {
  idBytes,
  OBJECT_ID_BYTES,
  type ObjectId,
  type Register,
  type SyncContent,
  type SyncEntry,
  writeAttributes,
  writeContent,
  writeMtime,
  writePlacement,
} from '../format/sync-entry.ts'
import { type Dot, writeDot } from '../format/version-vector.ts'
import { digestOf } from '../seal/hash.ts'
import { advance, includes, mergeVectors, NO_CHANGES } from './version-vector.ts'

export interface Merged {
  readonly entry: SyncEntry
  /** What lost against the content of the entry; to be kept no later than the entry. */
  readonly copy: SyncEntry | undefined
}

/** Fails with `corrupt` if these are not states of one object. */
export function mergeEntries(a: SyncEntry, b: SyncEntry): Merged {
  if (a.id !== b.id || a.kind !== b.kind) throw new DfsError('corrupt', 'entries of different objects have one id')
  const deleted = mergeDeleted(a, b)
  const content = later(a.content, b.content, writeContent)
  const entry: SyncEntry = {
    id: a.id,
    kind: a.kind,
    version: mergeVectors(a.version, b.version),
    deleted,
    placement: later(a.placement, b.placement, writePlacement),
    content: deleted !== undefined && includes(deleted, content.dot) ? { ...content, value: undefined } : content,
    mtime: later(a.mtime, b.mtime, writeMtime),
    attributes: later(a.attributes, b.attributes, writeAttributes),
  }
  const loser = isSameDot(content.dot, a.content.dot) ? b : a
  return { entry, copy: isConflict(a, b) ? copyOf(loser, entry) : undefined }
}

/** Whether the object is there: its content is from a change that nobody knew of who deleted it. */
export function isAlive({ content }: SyncEntry): boolean {
  return content.value !== undefined
}

/** Whether a person would see the same. */
export function isSameContent(a: SyncContent, b: SyncContent): boolean {
  if (a.kind === 'symlink' && b.kind === 'symlink') return a.target === b.target
  if (a.kind !== 'file' || b.kind !== 'file') return a.kind === b.kind
  return (
    a.size === b.size && a.content.kind === b.content.kind && contentBytes(a.content).equals(contentBytes(b.content))
  )
}

/** Below 0 where `a` is from the earlier change; 0 if both are from one. */
export function compareOrigins(a: Register<unknown>, b: Register<unknown>): number {
  if (a.timeMs !== b.timeMs) return a.timeMs - b.timeMs
  if (a.dot.writer !== b.dot.writer) return a.dot.writer < b.dot.writer ? -1 : 1
  return a.dot.counter - b.dot.counter
}

function mergeDeleted(a: SyncEntry, b: SyncEntry): SyncEntry['deleted'] {
  if (a.deleted === undefined || b.deleted === undefined) return a.deleted ?? b.deleted
  return mergeVectors(a.deleted, b.deleted)
}

/** Equal changes have equal values, unless a device was set back and counted again: then their bytes decide. */
function later<T>(a: Register<T>, b: Register<T>, write: (writer: Writer, value: T) => Writer): Register<T> {
  const order = compareOrigins(a, b)
  if (order !== 0) return order < 0 ? b : a
  if (a.value === undefined || b.value === undefined) return a.value === undefined ? b : a
  return Buffer.compare(write(new Writer(), a.value).finish(), write(new Writer(), b.value).finish()) < 0 ? b : a
}

function isConflict(a: SyncEntry, b: SyncEntry): boolean {
  return !includes(a.version, b.content.dot) && !includes(b.version, a.content.dot)
}

/** An object of what lost; undefined if somebody deleted it who knew it, or if it is what won. */
function copyOf({ id, kind, content, mtime, attributes }: SyncEntry, { content: won, placement, deleted }: SyncEntry) {
  const { dot, timeMs, value } = content
  if (value === undefined || (deleted !== undefined && includes(deleted, dot))) return undefined
  if (won.value !== undefined && isSameContent(won.value, value)) return undefined
  const copy: SyncEntry = {
    id: copyId(id, dot),
    kind,
    version: advance(NO_CHANGES, dot),
    deleted: undefined,
    // If what won is deleted, nothing has the name.
    placement: { dot, timeMs, value: { places: placement.value.places.slice(0, 1), isCopy: won.value !== undefined } },
    content,
    mtime: { dot, timeMs, value: mtime.value },
    attributes: { dot, timeMs, value: attributes.value },
  }
  return copy
}

function copyId(id: ObjectId, dot: Dot): ObjectId {
  return digestOf(writeDot(new Writer().bytes(idBytes(id)), dot).finish()).toString('hex', 0, OBJECT_ID_BYTES)
}

function isSameDot(a: Dot, b: Dot): boolean {
  return a.writer === b.writer && a.counter === b.counter
}
