/**
 * What a change on this device makes of an object's entry. A change has a dot that no other change ever had.
 */
import assert from 'node:assert/strict'
import {
  comparePlaces,
  type Place,
  type Placement,
  type Register,
  type SyncAttributes,
  type SyncContent,
  type SyncEntry,
  TIME_MS_LIMIT,
} from '../format/sync-entry.ts'
import type { Dot } from '../format/version-vector.ts'
import { advance, NO_CHANGES } from './version-vector.ts'

/** Who changes something now, as which of its changes. */
export interface Stamp {
  readonly dot: Dot
  /** What the clock says, whatever that is. */
  readonly nowMs: number
}

/** What an object is made of. */
export interface NewObject extends Pick<SyncEntry, 'id' | 'kind'> {
  readonly place: Place
  readonly content: SyncContent
  readonly mtimeNs: bigint
  readonly attributes: SyncAttributes
}

/** A clock that is far ahead moves nothing out of what an entry can say. */
const CLOCK_MS_MAX = TIME_MS_LIMIT / 2

export function createEntry({ id, kind, place, content, mtimeNs, attributes }: NewObject, stamp: Stamp): SyncEntry {
  const origin = { dot: stamp.dot, timeMs: clockOf(stamp) }
  return {
    id,
    kind,
    version: advance(NO_CHANGES, stamp.dot),
    deleted: undefined,
    placement: { ...origin, value: { places: [place], isCopy: false } },
    content: { ...origin, value: content },
    mtime: { ...origin, value: mtimeNs },
    attributes: { ...origin, value: attributes },
  }
}

/** Other content; an object that was deleted is there again. */
export function withContent(entry: SyncEntry, content: SyncContent, stamp: Stamp): SyncEntry {
  return { ...changed(entry, stamp), content: registerOf(entry, content, stamp) }
}

export function withMtime(entry: SyncEntry, mtimeNs: bigint, stamp: Stamp): SyncEntry {
  return { ...changed(entry, stamp), mtime: registerOf(entry, mtimeNs, stamp) }
}

export function withAttributes(entry: SyncEntry, attributes: SyncAttributes, stamp: Stamp): SyncEntry {
  return { ...changed(entry, stamp), attributes: registerOf(entry, attributes, stamp) }
}

/** At these places instead, at least one. It is a copy no more: somebody gave it its names. */
export function withPlaces(entry: SyncEntry, places: readonly Place[], stamp: Stamp): SyncEntry {
  const placement: Placement = { places: places.toSorted(comparePlaces), isCopy: false }
  return { ...changed(entry, stamp), placement: registerOf(entry, placement, stamp) }
}

/** Deleted by somebody who knows this state. */
export function withoutLife(entry: SyncEntry, stamp: Stamp): SyncEntry {
  const after = changed(entry, stamp)
  return { ...after, deleted: after.version, content: { ...entry.content, value: undefined } }
}

function changed(entry: SyncEntry, { dot }: Stamp): SyncEntry {
  return { ...entry, version: advance(entry.version, dot) }
}

function registerOf<T>(entry: SyncEntry, value: T, stamp: Stamp): Register<T> {
  const { placement, content, mtime, attributes } = entry
  const latest = Math.max(placement.timeMs, content.timeMs, mtime.timeMs, attributes.timeMs)
  return { dot: stamp.dot, timeMs: Math.max(clockOf(stamp), latest + 1), value }
}

function clockOf({ nowMs }: Stamp): number {
  assert(Number.isSafeInteger(nowMs))
  return Math.min(Math.max(nowMs, 0), CLOCK_MS_MAX)
}
