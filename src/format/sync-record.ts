/**
 * The index of a synced folder as it is kept: what it says of itself, and the keys and rows of its database.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { ByteString } from '../dfs.ts'
import { requireRule, requireVersion } from './refuse.ts'
import { decodeSyncEntry, encodeSyncEntry, idBytes, type ObjectId, readId, type SyncEntry } from './sync-entry.ts'
import { type Cursor, readCursor, writeCursor } from './sync-message.ts'
import { WRITER_BYTES, type WriterId } from './version-vector.ts'

export interface StoredEntry {
  readonly entry: SyncEntry
  /** The number of its last change in this index. */
  readonly sequence: number
}

/** What the index says of itself. */
export interface IndexState {
  /** Its own id, and the number of the last change. */
  readonly own: Cursor
  /** Ids that it had before, the oldest first, and the last number that it had under each. */
  readonly former: readonly Cursor[]
  /** Ids that others knew it by, in states that it was set back from. */
  readonly lost: readonly string[]
  /** This device in its present incarnation, and the number of changes that it made. */
  readonly writer: WriterId
  readonly counter: number
  /** Directories that were cut out of circles. */
  readonly loops: readonly ObjectId[]
}

/** A row that changes: what was there, and what is to be. */
export interface ChangedEntry {
  readonly before: StoredEntry | undefined
  readonly after: StoredEntry
}

/** What this device's disk shows of an object: undefined if nothing. */
export interface OnDisk {
  readonly entry: SyncEntry | undefined
}

/** What is written at once. */
export interface IndexBatch {
  readonly state: IndexState
  readonly entries: readonly ChangedEntry[]
  /** What is kept of another device's index with this batch. */
  readonly cursor?: { readonly device: string; readonly cursor: Cursor } | undefined
  /** Objects of which the disk shows another state than the entry; undefined where it has caught up. */
  readonly behind?: ReadonlyMap<ObjectId, OnDisk | undefined>
}

/** Numbers of changes that follow each other: all above `after`, up to `upTo`. */
export interface NumberRange {
  readonly after: number
  readonly upTo: number
}

export interface ReadLimits {
  readonly entries: number
  /** No number beyond this. */
  readonly upTo?: number | undefined
  /** Length of the entries together; one entry alone may be longer. */
  readonly bytes: number
}

const VERSION = 1
const KEY = { STATE: 'i', ENTRY: 'e', CHANGE: 's', CHILD: 'c', CURSOR: 'p', BEHIND: 'b' } as const
const SEQUENCE_BYTES = 8

export const STATE_KEY = Buffer.from(KEY.STATE)

export function encodeIndexState({ own, former, lost, writer: id, counter, loops }: IndexState): Buffer {
  const writer = writeCursor(new Writer().u8(VERSION), own).u16(former.length)
  for (const cursor of former) writeCursor(writer, cursor)
  writer.u16(lost.length)
  for (const indexId of lost) writer.bytes(idBytes(indexId))
  writer.bytes(Buffer.from(id, 'hex')).u53(counter).u32(loops.length)
  for (const loop of loops) writer.bytes(idBytes(loop))
  return writer.finish()
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeIndexState(bytes: Buffer): IndexState {
  const reader = new Reader(bytes)
  requireVersion('sync index', reader.u8(), VERSION)
  const own = readCursor(reader)
  const former = readList(reader, reader.u16(), readCursor)
  const lost = readList(reader, reader.u16(), readId)
  const writer = reader.bytes(WRITER_BYTES).toString('hex')
  const counter = reader.u53()
  const loops = readList(reader, reader.u32(), readId)
  reader.end()
  return { own, former, lost, writer, counter, loops }
}

/** A row of an entry; `bytesOfEntry` gives the part that is sent. */
export function encodeEntryRow({ entry, sequence }: StoredEntry): Buffer {
  return new Writer().u53(sequence).bytes(encodeSyncEntry(entry)).finish()
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeEntryRow(row: Buffer): StoredEntry {
  const sequence = new Reader(row).u53()
  return { sequence, entry: decodeSyncEntry(bytesOfEntry(row)) }
}

/** The encoded entry in a row. */
export function bytesOfEntry(row: Buffer): Buffer {
  requireRule(row.length > SEQUENCE_BYTES, 'sync index: a row without an entry')
  return row.subarray(SEQUENCE_BYTES)
}

export function entryKey(id: ObjectId): Buffer {
  return Buffer.from(KEY.ENTRY + idBytes(id).toString('latin1'), 'latin1')
}

/** What all keys of rows begin with that `behindKey` makes. */
export const BEHIND_PREFIX = Buffer.from(KEY.BEHIND)

/** Of an object of which the disk shows another state than its entry. */
export function behindKey(id: ObjectId): Buffer {
  return Buffer.concat([BEHIND_PREFIX, idBytes(id)])
}

/** The object in a key that `behindKey` made. */
export function idOfBehindKey(key: Buffer): ObjectId {
  return key.toString('hex', BEHIND_PREFIX.length)
}

export function encodeBehindRow({ entry }: OnDisk): Buffer {
  return entry === undefined ? Buffer.alloc(0) : encodeSyncEntry(entry)
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeBehindRow(row: Buffer): OnDisk {
  return { entry: row.length === 0 ? undefined : decodeSyncEntry(row) }
}

/** Keys are in the order of the numbers. */
export function changeKey(sequence: number): Buffer {
  const key = Buffer.alloc(1 + SEQUENCE_BYTES, KEY.CHANGE)
  key.writeBigUInt64BE(BigInt(sequence), 1)
  return key
}

/** The number in a key that `changeKey` made. */
export function sequenceOfChangeKey(key: Buffer): number {
  return Number(key.readBigUInt64BE(1))
}

/** Of each name that an object has in a directory, unless it is deleted and no directory. */
export function childKey(parent: ObjectId, isAlive: boolean, name: ByteString, id: ObjectId): Buffer {
  return Buffer.concat([childPrefix(parent, isAlive, name), idBytes(id)])
}

/** What the keys of all children begin with, or of those with this name. */
export function childPrefix(parent: ObjectId, isAlive: boolean, name?: ByteString): Buffer {
  const prefix = KEY.CHILD + idBytes(parent).toString('latin1') + (isAlive ? '\0' : '\x01')
  return Buffer.from(name === undefined ? prefix : `${prefix + name}\0`, 'latin1')
}

/** The object in a key that `childKey` made. */
export function idOfChildKey(key: Buffer): ObjectId {
  return key.toString('hex', key.length - WRITER_BYTES)
}

export function cursorKey(device: string): Buffer {
  assert(device.length > 0)
  return Buffer.from(KEY.CURSOR + device)
}

export function encodeCursor(cursor: Cursor): Buffer {
  return writeCursor(new Writer().u8(VERSION), cursor).finish()
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeCursor(bytes: Buffer): Cursor {
  const reader = new Reader(bytes)
  requireVersion('sync index', reader.u8(), VERSION)
  const cursor = readCursor(reader)
  reader.end()
  return cursor
}

/** As many as were said; fails when the bytes end before. */
function readList<T>(reader: Reader, count: number, read: (reader: Reader) => T): T[] {
  const list: T[] = []
  while (list.length < count) list.push(read(reader))
  return list
}
