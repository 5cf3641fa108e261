/**
 * What one record of the journal says, once opened: a commit that no stub has yet, or what became of a name.
 * The record carries what a checkpoint needs, so that replaying it, once or many times, gives the same stubs and names.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { lengthOfAll } from '../bytes/gather.ts'
import type { BlockRef, ByteString, Content, FileMeta } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { BLOCK_REF_BYTES, readBlockRef, writeBlockRef } from './block-ref.ts'
import { contentBytes, contentKindNumber, decodeContent } from './content.ts'
import { readMeta, writeMeta } from './file-meta.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'
import { FILE_ID_BYTES, PATH_BYTES_MAX } from './stub.ts'

/** What tells an object of the folder from all others. */
export interface ObjectId {
  readonly ino: number
  readonly btimeNs: bigint
}

/** The stub a record is about. The inode finds it after a rename; the path, after the folder was copied elsewhere. */
export interface StubPlace extends ObjectId {
  /** Of the stub, relative to the folder's root. */
  readonly path: ByteString
}

/** A changed range of the content, with its bytes or all zero. */
export type Patch =
  | { readonly offset: number; readonly bytes: Buffer }
  | { readonly offset: number; readonly zeroBytes: number }

/** Chunk `index` is now this block, or a hole. */
export interface ChunkChange {
  readonly index: number
  readonly ref: BlockRef | undefined
}

/** The next state of a file, as its base and what to do to it: cut, replace, then chunks, then patches in order. */
export interface CommitRecord {
  readonly kind: 'commit'
  readonly place: StubPlace
  /** 16 bytes. */
  readonly fileId: Buffer
  /** Sequence number of the state that this one builds on; 0 for a new file. */
  readonly baseSequence: number
  readonly sequence: number
  readonly meta: FileMeta
  /** Content of the base from here on is dropped before the rest is applied (= size or more when nothing was cut). */
  readonly keepBytes: number
  /** Whole replacement of the content, instead of chunks; patches still apply on top. */
  readonly content?: Content
  readonly chunks: readonly ChunkChange[]
  readonly patches: readonly Patch[]
}

/** What a record says that was done to a name: to which object, that had the name of `place`, and its change time then. */
interface NameChange {
  readonly place: StubPlace
  /** Of the object below, right after. Later changes of it on the disk mean that this one is there, too. */
  readonly ctimeNs: bigint
}

/** Another path for a stub, a directory or anything else. */
export interface RenameRecord extends NameChange {
  readonly kind: 'rename'
  readonly to: ByteString
  /** What had that path, and has it no more. */
  readonly over?: ObjectId | undefined
}

/** Two objects have each other's paths. */
export interface ExchangeRecord extends NameChange {
  readonly kind: 'exchange'
  readonly other: StubPlace
}

/** One path more. */
export interface LinkRecord extends NameChange {
  readonly kind: 'link'
  readonly to: ByteString
}

/** One path less, of an object that has others. */
export interface UnlinkRecord extends NameChange {
  readonly kind: 'unlink'
}

/** A stub's last name is about to go. */
export interface RemoveRecord {
  readonly kind: 'remove'
  readonly place: StubPlace
}

export type NameRecord = RenameRecord | ExchangeRecord | LinkRecord | UnlinkRecord | RemoveRecord
export type JournalRecord = CommitRecord | NameRecord

/** Plaintext bytes of the longest record. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024

const VERSION = 1
const COMMIT = 1
const RENAME = 2
const REMOVE = 3
const LINK = 4
const UNLINK = 5
const EXCHANGE = 6
const NAME_KINDS = { rename: RENAME, remove: REMOVE, link: LINK, unlink: UNLINK, exchange: EXCHANGE } as const
const NO_CONTENT = 0xff
const PATCH_DATA = 0
const PATCH_ZEROES = 1
/** Fewest bytes of a chunk change and of a patch: no list has more items than its bytes allow. */
const CHUNK_BYTES = 8 + BLOCK_REF_BYTES
const PATCH_BYTES_MIN = 17
/** What a record takes besides lists, content and path. */
const NUMBERS_BYTES = 256

/**
 * The plaintext of a record, in pieces: the bytes of patches stay where they are, for they may be many. Fails with
 * `too-large` above RECORD_BYTES_MAX.
 */
export function encodeRecord(record: JournalRecord): Buffer[] {
  const writer = new Writer(capacityOf(record)).u8(VERSION)
  if (record.kind === 'commit') writeCommit(writer.u8(COMMIT), record)
  else writeName(writer, record)
  const pieces = writer.pieces()
  const bytes = lengthOfAll(pieces)
  if (bytes <= RECORD_BYTES_MAX) return pieces
  throw new DfsError('too-large', `a journal record of ${bytes} bytes`, { op: 'encode' })
}

/** What a record takes besides the bytes of patches, or a little more. */
function capacityOf(record: JournalRecord): number {
  if (record.kind !== 'commit') return NUMBERS_BYTES + record.place.path.length
  const { place, chunks, patches, content } = record
  const contentLength = content === undefined ? 0 : contentBytes(content).length
  const lists = chunks.length * CHUNK_BYTES + patches.length * PATCH_BYTES_MIN
  return NUMBERS_BYTES + place.path.length + contentLength + lists
}

/** Reads an opened record; bytes in it (ids, patches, inline content) point into `bytes`. Fails with `corrupt`, `newer-version`. */
export function decodeRecord(bytes: Buffer): JournalRecord {
  const reader = new Reader(bytes)
  requireVersion('journal record', reader.u8(), VERSION)
  const record = readRecord(reader)
  reader.end()
  return record
}

function readRecord(reader: Reader): JournalRecord {
  const kind = reader.u8()
  if (kind === COMMIT) return readCommit(reader)
  if (kind === REMOVE) return { kind: 'remove', place: readPlace(reader) }
  const change = { place: readPlace(reader), ctimeNs: reader.i64() }
  if (kind === RENAME) return { kind: 'rename', ...change, to: readPath(reader), over: readObject(reader) }
  if (kind === LINK) return { kind: 'link', ...change, to: readPath(reader) }
  if (kind === UNLINK) return { kind: 'unlink', ...change }
  if (kind === EXCHANGE) return { kind: 'exchange', ...change, other: readPlace(reader) }
  throw corrupt(`journal record: unknown kind ${kind}`)
}

function writeName(writer: Writer, record: NameRecord): void {
  writePlace(writer.u8(NAME_KINDS[record.kind]), record.place)
  if (record.kind === 'remove') return
  writer.i64(record.ctimeNs)
  if (record.kind === 'exchange') writePlace(writer, record.other)
  if (record.kind === 'rename' || record.kind === 'link') writePath(writer, record.to)
  if (record.kind === 'rename') writeObject(writer, record.over)
}

/** Undefined as inode number 0, which no object has. */
function writeObject(writer: Writer, object: ObjectId | undefined): void {
  writer.u53(object?.ino ?? 0).i64(object?.btimeNs ?? 0n)
}

function readObject(reader: Reader): ObjectId | undefined {
  const object = { ino: reader.u53(), btimeNs: reader.i64() }
  if (object.ino > 0) return object
  requireRule(object.btimeNs === 0n, 'journal record: no object, but a time of its birth')
  return undefined
}

function writePlace(writer: Writer, { ino, btimeNs, path }: StubPlace): Writer {
  return writePath(writer.u53(ino).i64(btimeNs), path)
}

function readPlace(reader: Reader): StubPlace {
  return { ino: reader.u53(), btimeNs: reader.i64(), path: readPath(reader) }
}

function writeCommit(writer: Writer, commit: CommitRecord): void {
  assert(commit.fileId.length === FILE_ID_BYTES, 'a file id has 16 bytes')
  assert(commit.sequence > commit.baseSequence, 'a commit comes after its base')
  writePlace(writer, commit.place).bytes(commit.fileId).u53(commit.baseSequence).u53(commit.sequence)
  writeMeta(writer, commit.meta).u53(commit.keepBytes)
  writeContent(writer, commit.content)
  writer.u32(commit.chunks.length)
  for (const chunk of commit.chunks) writeChunk(writer, chunk)
  writer.u32(commit.patches.length)
  for (const patch of commit.patches) writePatch(writer, patch)
}

function readCommit(reader: Reader): CommitRecord {
  const place = readPlace(reader)
  const fileId = reader.bytes(FILE_ID_BYTES)
  const baseSequence = reader.u53()
  const sequence = reader.u53()
  requireRule(sequence > baseSequence, 'journal record: a commit before its base')
  const meta = readMeta(reader)
  const keepBytes = reader.u53()
  const content = readContent(reader)
  const chunks = readList(reader, CHUNK_BYTES, readChunk)
  const patches = readList(reader, PATCH_BYTES_MIN, readPatch)
  return { kind: 'commit', place, fileId, baseSequence, sequence, meta, keepBytes, content, chunks, patches }
}

function writeContent(writer: Writer, content: Content | undefined): void {
  if (content === undefined) {
    writer.u8(NO_CONTENT)
    return
  }
  const bytes = contentBytes(content)
  writer.u8(contentKindNumber(content)).u32(bytes.length).bytes(bytes)
}

function readContent(reader: Reader): Content | undefined {
  const kind = reader.u8()
  return kind === NO_CONTENT ? undefined : decodeContent(kind, reader.bytes(reader.u32()))
}

function writeChunk(writer: Writer, { index, ref }: ChunkChange): void {
  const bytes = Buffer.allocUnsafe(BLOCK_REF_BYTES)
  writeBlockRef(bytes, 0, ref)
  writer.u53(index).bytes(bytes)
}

function readChunk(reader: Reader): ChunkChange {
  return { index: reader.u53(), ref: readBlockRef(reader.bytes(BLOCK_REF_BYTES), 0) }
}

function writePatch(writer: Writer, patch: Patch): void {
  if ('bytes' in patch) writer.u8(PATCH_DATA).u53(patch.offset).u53(patch.bytes.length).view(patch.bytes)
  else writer.u8(PATCH_ZEROES).u53(patch.offset).u53(patch.zeroBytes)
}

function readPatch(reader: Reader): Patch {
  const kind = reader.u8()
  requireRule(kind === PATCH_DATA || kind === PATCH_ZEROES, 'journal record: unknown kind of patch')
  const offset = reader.u53()
  const length = reader.u53()
  requireRule(Number.isSafeInteger(offset + length), 'journal record: a patch ends beyond any file')
  return kind === PATCH_DATA ? { offset, bytes: reader.bytes(length) } : { offset, zeroBytes: length }
}

/** A u32 count, then so many items of at least `itemBytes` each. */
function readList<T>(reader: Reader, itemBytes: number, readItem: (reader: Reader) => T): T[] {
  const count = reader.u32()
  requireRule(count * itemBytes <= reader.remaining, 'journal record: a list longer than the record')
  const items: T[] = []
  for (let i = 0; i < count; i++) items.push(readItem(reader))
  return items
}

function writePath(writer: Writer, path: ByteString): Writer {
  assert(path.length > 0 && path.length <= PATH_BYTES_MAX, 'a path has 1 to 65,535 bytes')
  return writer.u16(path.length).bytes(Buffer.from(path, 'latin1'))
}

function readPath(reader: Reader): ByteString {
  const bytes = reader.bytes(reader.u16())
  requireRule(bytes.length > 0 && !bytes.includes(0), 'journal record: not a path')
  return bytes.toString('latin1')
}
