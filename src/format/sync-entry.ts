/**
 * What the index of a synced folder says of one object: where it is, what it is, and which changes led there.
 *
 * An object keeps its id for life, whatever it is called; the directory that it is in is named by its id, too. So a move,
 * of whatever is below, changes one entry. Placement, content, mtime and attributes change by themselves: each carries the
 * dot of the change that it is from.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { ByteString, Content } from '../dfs.ts'
import { contentBytes, contentKindNumber, decodeContent } from './content.ts'
import { SYMLINK_BYTES_MAX } from './head-entry.ts'
import { requireRule, requireVersion } from './refuse.ts'
import { RESERVED_NAME, STORED_BYTES_MAX } from './stored-name.ts'
import { INLINE_BYTES_MAX } from './stub.ts'
import { type Dot, readVector, type VersionVector, type WriterId, writeVector } from './version-vector.ts'
import { decodeXattrs, encodeXattrs, XATTRS_BYTES_MAX, type Xattr } from './xattrs.ts'

/** Of a file its file id, of any other object 16 random bytes; 32 hex digits. */
export type ObjectId = string

export type ObjectKind = 'file' | 'directory' | 'symlink' | 'fifo'

/** One name of an object. */
export interface Place {
  /** The directory that it is in. */
  readonly parent: ObjectId
  readonly name: ByteString
}

export interface Placement {
  /** All names of the object, by ascending parent, then name; at least one, of a directory exactly one. Kept when it is deleted. */
  readonly places: readonly Place[]
  /** Made of what lost a conflict: it is beside the object that has the name. Only of files. */
  readonly isCopy: boolean
}

export type SyncContent =
  | { readonly kind: 'file'; readonly size: number; readonly content: Content }
  | { readonly kind: 'symlink'; readonly target: ByteString }
  /** Directories and fifos have none. */
  | { readonly kind: 'nothing' }

export interface SyncAttributes {
  /** Permission bits and suid, sgid, sticky; of a symbolic link 0o777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** By ascending name, each once. */
  readonly xattrs: readonly Xattr[]
}

/** A value, and the change that it is from. */
export interface Register<T> {
  readonly dot: Dot
  /** By the clock of who changed it, but later than all that it took the place of. Milliseconds since 1970, below 2^49. */
  readonly timeMs: number
  readonly value: T
}

export interface SyncEntry {
  readonly id: ObjectId
  readonly kind: ObjectKind
  /** Every change of the object that this state includes. */
  readonly version: VersionVector
  /** What somebody knew who deleted the object: it is deleted while its content is from one of these. Part of `version`. */
  readonly deleted: VersionVector | undefined
  readonly placement: Register<Placement>
  /** Undefined once the object is deleted. */
  readonly content: Register<SyncContent | undefined>
  /** In nanoseconds since 1970. */
  readonly mtime: Register<bigint>
  readonly attributes: Register<SyncAttributes>
}

export const OBJECT_ID_BYTES = 16
/** The directory that all others are in; there is no entry of it. */
export const ROOT_ID: ObjectId = '00'.repeat(OBJECT_ID_BYTES)
/** Names of one object; more cannot be carried. */
export const PLACES_MAX = 128
/** Above all that a clock may say, and all changes that anybody makes later. */
export const TIME_MS_LIMIT = 2 ** 49
/** Length of the longest entry. */
export const SYNC_ENTRY_BYTES_MAX = 65_535

const VERSION = 1
const KINDS: readonly ObjectKind[] = ['file', 'directory', 'symlink', 'fifo']
const PERMISSION_BITS = 0o7777
/** What stands for `deleted`: not there, equal to the version, or written out. */
const DELETED = { NOT: 0, ALL: 1, PART: 2 } as const
const NAME_IMPOSSIBLE = /^\.{0,2}$|[/\0]/

/** Whether an object can have such a name. */
export function isName(name: ByteString): boolean {
  return name.length <= STORED_BYTES_MAX && !NAME_IMPOSSIBLE.test(name)
}

/** What it says must keep to the rules of `SyncEntry`. */
export function encodeSyncEntry({ id, kind, version, deleted, ...registers }: SyncEntry): Buffer {
  const { placement, content, mtime, attributes } = registers
  const writer = writeVector(new Writer().u8(VERSION).u8(KINDS.indexOf(kind)).bytes(idBytes(id)), version)
  if (deleted === undefined) writer.u8(DELETED.NOT)
  else if (isSameVector(deleted, version)) writer.u8(DELETED.ALL)
  else writeVector(writer.u8(DELETED.PART), deleted)
  const writers = [...version.keys()].sort()
  writePlacement(writeOrigin(writer, placement, writers), placement.value)
  writeContent(writeOrigin(writer, content, writers), content.value)
  writeMtime(writeOrigin(writer, mtime, writers), mtime.value)
  writeAttributes(writeOrigin(writer, attributes, writers), attributes.value)
  const bytes = writer.finish()
  assert(bytes.length <= SYNC_ENTRY_BYTES_MAX)
  return bytes
}

/** Buffers point into `bytes`. Fails with `corrupt`, `newer-version`. */
export function decodeSyncEntry(bytes: Buffer): SyncEntry {
  requireRule(bytes.length <= SYNC_ENTRY_BYTES_MAX, 'sync entry: too long')
  const reader = new Reader(bytes)
  requireVersion('sync entry', reader.u8(), VERSION)
  const kind = KINDS[reader.u8()]
  requireRule(kind !== undefined, 'sync entry: unknown kind')
  const id = readId(reader)
  requireRule(id !== ROOT_ID, 'sync entry: of the root')
  const version = readVector(reader)
  const deleted = readDeleted(reader, version)
  const writers = [...version.keys()]
  const placement = { ...readOrigin(reader, version, writers), value: readPlacement(reader, kind) }
  const content = { ...readOrigin(reader, version, writers), value: readContent(reader, kind) }
  const mtime = { ...readOrigin(reader, version, writers), value: reader.i64() }
  const attributes = { ...readOrigin(reader, version, writers), value: readAttributes(reader) }
  reader.end()
  const isDeleted = deleted !== undefined && isIn(deleted, content.dot)
  requireRule(
    isDeleted === (content.value === undefined),
    'sync entry: content of a deleted object, or none of another',
  )
  return { id, kind, version, deleted, placement, content, mtime, attributes }
}

export function idBytes(id: ObjectId): Buffer {
  const bytes = Buffer.from(id, 'hex')
  assert(bytes.length === OBJECT_ID_BYTES)
  return bytes
}

export function readId(reader: Reader): ObjectId {
  return reader.bytes(OBJECT_ID_BYTES).toString('hex')
}

/** The order in which an entry has the names of its object. */
export function comparePlaces(a: Place, b: Place): number {
  return a.parent === b.parent ? compare(a.name, b.name) : compare(a.parent, b.parent)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function readDeleted(reader: Reader, version: VersionVector): VersionVector | undefined {
  const how = reader.u8()
  if (how === DELETED.NOT) return undefined
  if (how === DELETED.ALL) return version
  requireRule(how === DELETED.PART, 'sync entry: unknown kind of deletion')
  const deleted = readVector(reader)
  const isPart = [...deleted].every(([writer, counter]) => isIn(version, { writer, counter }))
  requireRule(isPart && !isSameVector(deleted, version), 'sync entry: impossible deletion')
  return deleted
}

function isIn(vector: VersionVector, { writer, counter }: Dot): boolean {
  return (vector.get(writer) ?? 0) >= counter
}

function isSameVector(a: VersionVector, b: VersionVector): boolean {
  return a === b || (a.size === b.size && [...a].every(([writer, counter]) => b.get(writer) === counter))
}

/** The writer of the dot is named by its place in the version. */
function writeOrigin(writer: Writer, { dot, timeMs }: Register<unknown>, writers: readonly WriterId[]): Writer {
  const place = writers.indexOf(dot.writer)
  assert(place >= 0 && timeMs < TIME_MS_LIMIT)
  return writer.u8(place).u53(dot.counter).u53(timeMs)
}

function readOrigin(
  reader: Reader,
  version: VersionVector,
  writers: readonly WriterId[],
): Omit<Register<unknown>, 'value'> {
  const writer = writers[reader.u8()]
  requireRule(writer !== undefined, 'sync entry: unknown writer')
  const dot = { writer, counter: reader.u53() }
  requireRule(dot.counter > 0 && isIn(version, dot), 'sync entry: from a change that it does not include')
  const timeMs = reader.u53()
  requireRule(timeMs < TIME_MS_LIMIT, 'sync entry: impossible time')
  return { dot, timeMs }
}

export function writePlacement(writer: Writer, { places, isCopy }: Placement): Writer {
  assert(places.length > 0 && places.length <= PLACES_MAX)
  writer.u8(isCopy ? 1 : 0).u8(places.length)
  for (const { parent, name } of places) {
    assert(isName(name))
    writer.bytes(idBytes(parent)).u8(name.length).bytes(Buffer.from(name, 'latin1'))
  }
  return writer
}

function readPlacement(reader: Reader, kind: ObjectKind): Placement {
  const copy = reader.u8()
  requireRule(copy === 0 || (copy === 1 && kind === 'file'), 'sync entry: impossible copy')
  const count = reader.u8()
  requireRule(count > 0 && count <= (kind === 'directory' ? 1 : PLACES_MAX), 'sync entry: impossible count of names')
  const places: Place[] = []
  for (let index = 0; index < count; index++) {
    const place = { parent: readId(reader), name: reader.bytes(reader.u8()).toString('latin1') }
    requireRule(isName(place.name), 'sync entry: not a name')
    requireRule(place.parent !== ROOT_ID || place.name !== RESERVED_NAME, 'sync entry: a reserved name')
    const last = places.at(-1)
    requireRule(last === undefined || comparePlaces(last, place) < 0, 'sync entry: names do not ascend')
    places.push(place)
  }
  return { places, isCopy: copy === 1 }
}

export function writeContent(writer: Writer, content: SyncContent | undefined): Writer {
  if (content === undefined) return writer.u8(0)
  writer.u8(1)
  if (content.kind === 'nothing') return writer
  if (content.kind === 'symlink') {
    const { target } = content
    assert(target.length > 0 && target.length <= SYMLINK_BYTES_MAX && !target.includes('\0'))
    return writer.u16(target.length).bytes(Buffer.from(target, 'latin1'))
  }
  const body = contentBytes(content.content)
  assert(body.length <= INLINE_BYTES_MAX)
  return writer.u53(content.size).u8(contentKindNumber(content.content)).u16(body.length).bytes(body)
}

function readContent(reader: Reader, kind: ObjectKind): SyncContent | undefined {
  const isThere = reader.u8()
  requireRule(isThere <= 1, 'sync entry: impossible content')
  if (isThere === 0) return undefined
  if (kind === 'directory' || kind === 'fifo') return { kind: 'nothing' }
  if (kind === 'symlink') {
    const target = reader.bytes(reader.u16()).toString('latin1')
    const isTarget = target.length > 0 && target.length <= SYMLINK_BYTES_MAX && !target.includes('\0')
    requireRule(isTarget, 'sync entry: impossible target of a symbolic link')
    return { kind, target }
  }
  const size = reader.u53()
  const kindNumber = reader.u8()
  const length = reader.u16()
  requireRule(length <= INLINE_BYTES_MAX, 'sync entry: content too long')
  const content = decodeContent(kindNumber, reader.bytes(length))
  requireRule(content.kind !== 'inline' || content.bytes.length === size, 'sync entry: inline content is not whole')
  return { kind, size, content }
}

export function writeMtime(writer: Writer, mtimeNs: bigint): Writer {
  return writer.i64(mtimeNs)
}

export function writeAttributes(writer: Writer, { mode, uid, gid, xattrs }: SyncAttributes): Writer {
  const list = xattrs.length === 0 ? Buffer.alloc(0) : encodeXattrs(xattrs)
  return writer
    .u16(mode & PERMISSION_BITS)
    .u32(uid)
    .u32(gid)
    .u16(list.length)
    .bytes(list)
}

function readAttributes(reader: Reader): SyncAttributes {
  const mode = reader.u16()
  requireRule(mode <= PERMISSION_BITS, 'sync entry: mode has more than permission bits')
  const [uid, gid] = [reader.u32(), reader.u32()]
  const length = reader.u16()
  requireRule(length <= XATTRS_BYTES_MAX, 'sync entry: too many attributes')
  return { mode, uid, gid, xattrs: length === 0 ? [] : decodeXattrs(reader.bytes(length)) }
}
