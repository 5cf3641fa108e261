/**
 * What a head says of one object of a folder: enough to make it again.
 *
 * The record of an entry has a version of its own, fields that every object of its kind has, and then optional fields, each
 * behind its number and length. Its path stands before it, in the node.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { ByteString, StubState } from '../dfs.ts'
import { contentBytes, contentKindNumber, decodeContent } from './content.ts'
import { readMeta, writeMeta } from './file-meta.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'
import { FILE_ID_BYTES, INLINE_BYTES_MAX } from './stub.ts'
import { decodeXattrs, encodeXattrs, type Xattr } from './xattrs.ts'

export const LINK_GROUP_BYTES = 16
export const SYMLINK_BYTES_MAX = 4095

interface AnyEntry {
  /** From the folder's root, as a person sees it; '' is the root itself, always a directory. */
  readonly path: ByteString
  readonly uid: number
  readonly gid: number
  /** By ascending name, each once; at least one. */
  readonly xattrs?: readonly Xattr[] | undefined
  /** 16 bytes, equal for the names of one object that has several, and for no other's. Never of a directory. */
  readonly linkGroup?: Buffer | undefined
}

export interface FileEntry extends AnyEntry {
  readonly kind: 'file'
  /**
   * What its stub says. Of a stub without bytes, an empty file that was never committed: sequence 0, a file id of zeroes,
   * no content, mode and mtime of the stub itself, and that mtime as ctime.
   */
  readonly state: StubState
}

export interface PlainEntry extends AnyEntry {
  readonly kind: 'directory' | 'fifo'
  /** Permission bits and suid, sgid, sticky. */
  readonly mode: number
  readonly mtimeNs: bigint
}

export interface SymlinkEntry extends AnyEntry {
  readonly kind: 'symlink'
  readonly target: ByteString
  readonly mtimeNs: bigint
}

export type HeadEntry = FileEntry | PlainEntry | SymlinkEntry

const VERSION = 1
const KINDS: readonly HeadEntry['kind'][] = ['file', 'directory', 'symlink', 'fifo']
const FIELD = { XATTRS: 1, LINK_GROUP: 2 } as const
const PERMISSION_BITS = 0o7777
const NO_FILE_ID = Buffer.alloc(FILE_ID_BYTES)

/** The record of an entry, without its path. What it says must keep to the rules of `HeadEntry`. */
export function encodeEntry(entry: HeadEntry): Buffer {
  const writer = new Writer().u8(VERSION).u8(KINDS.indexOf(entry.kind)).u32(entry.uid).u32(entry.gid)
  if (entry.kind === 'file') writeState(writer, entry.state)
  else if (entry.kind === 'symlink') writeSymlink(writer, entry)
  else writer.u16(entry.mode & PERMISSION_BITS).i64(entry.mtimeNs)
  const { xattrs, linkGroup } = entry
  if (xattrs !== undefined) writeField(writer, FIELD.XATTRS, encodeXattrs(xattrs))
  if (linkGroup !== undefined) {
    assert(linkGroup.length === LINK_GROUP_BYTES && entry.kind !== 'directory')
    writeField(writer, FIELD.LINK_GROUP, linkGroup)
  }
  return writer.finish()
}

/** Reads a record; buffers point into it. Fails with `corrupt`, `newer-version`. */
export function decodeEntry(path: ByteString, record: Buffer): HeadEntry {
  const reader = new Reader(record)
  requireVersion('head entry', reader.u8(), VERSION)
  const kind = KINDS[reader.u8()]
  requireRule(kind !== undefined, 'head entry: unknown kind')
  requireRule(path !== '' || kind === 'directory', 'head entry: the root is no directory')
  const owner = { path, uid: reader.u32(), gid: reader.u32() }
  const own = readKind(kind, reader)
  const fields = readFields(reader)
  requireRule(fields.linkGroup === undefined || kind !== 'directory', 'head entry: a directory with several names')
  return { ...owner, ...own, ...fields } as HeadEntry
}

function writeState(writer: Writer, { fileId, sequence, meta, content }: StubState): void {
  const body = contentBytes(content)
  assert(fileId.length === FILE_ID_BYTES && body.length <= INLINE_BYTES_MAX)
  writeMeta(writer.bytes(fileId).u53(sequence), meta).u8(contentKindNumber(content)).u16(body.length).bytes(body)
}

function readState(reader: Reader): StubState {
  const fileId = reader.bytes(FILE_ID_BYTES)
  const sequence = reader.u53()
  const meta = readMeta(reader)
  const kindNumber = reader.u8()
  const length = reader.u16()
  requireRule(length <= INLINE_BYTES_MAX, 'head entry: content too long for a stub')
  const content = decodeContent(kindNumber, reader.bytes(length))
  requireRule(
    content.kind !== 'inline' || content.bytes.length === meta.size,
    'head entry: inline content is not whole',
  )
  if (sequence === 0) {
    requireRule(content.kind === 'inline' && meta.size === 0 && fileId.equals(NO_FILE_ID), 'head entry: sequence 0')
  }
  return { fileId, sequence, meta, content }
}

function writeSymlink(writer: Writer, { target, mtimeNs }: SymlinkEntry): void {
  assert(target.length > 0 && target.length <= SYMLINK_BYTES_MAX && !target.includes('\0'))
  writer.i64(mtimeNs).u16(target.length).bytes(Buffer.from(target, 'latin1'))
}

function readKind(kind: HeadEntry['kind'], reader: Reader): object {
  if (kind === 'file') return { kind, state: readState(reader) }
  if (kind === 'symlink') {
    const mtimeNs = reader.i64()
    const target = reader.bytes(reader.u16()).toString('latin1')
    const isTarget = target.length > 0 && target.length <= SYMLINK_BYTES_MAX && !target.includes('\0')
    requireRule(isTarget, 'head entry: impossible target of a symbolic link')
    return { kind, target, mtimeNs }
  }
  const mode = reader.u16()
  requireRule(mode <= PERMISSION_BITS, 'head entry: mode has more than permission bits')
  return { kind, mode, mtimeNs: reader.i64() }
}

function writeField(writer: Writer, field: number, value: Buffer): void {
  writer.u8(field).u16(value.length).bytes(value)
}

function readFields(reader: Reader): Pick<HeadEntry, 'xattrs' | 'linkGroup'> {
  const fields: { xattrs?: Xattr[]; linkGroup?: Buffer } = {}
  let last = 0
  while (reader.remaining > 0) {
    const field = reader.u8()
    requireRule(field > last, 'head entry: fields out of order')
    last = field
    const value = reader.bytes(reader.u16())
    if (field === FIELD.XATTRS) fields.xattrs = decodeXattrs(value)
    else if (field === FIELD.LINK_GROUP) fields.linkGroup = requireLength(value, LINK_GROUP_BYTES)
    else throw corrupt('head entry: unknown field')
  }
  return fields
}

function requireLength(value: Buffer, length: number): Buffer {
  requireRule(value.length === length, 'head entry: a field of impossible length')
  return value
}
