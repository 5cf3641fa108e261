/**
 * Which folders a device has: as its owner's devices tell each other, and as each remembers it of the others.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { ByteString } from '../dfs.ts'
import { readName as readText, writeName as writeText } from './name.ts'
import { requireRule, requireVersion } from './refuse.ts'
import { idBytes, isName, OBJECT_ID_BYTES, readId } from './sync-entry.ts'

export interface SyncFolder {
  /** 32 hex digits, not all zero. */
  readonly id: string
  /** What it is called on the device that tells of it: a name that a directory could have. */
  readonly name: ByteString
}

/** By device id. */
export type FoldersOfDevices = ReadonlyMap<string, readonly SyncFolder[]>

export const SYNC_FOLDERS_MAX = 1024
const NAME_BYTES_MAX = 255
/** Length of the longest list. */
export const SYNC_FOLDERS_BYTES_MAX = 2 + SYNC_FOLDERS_MAX * (OBJECT_ID_BYTES + 1 + NAME_BYTES_MAX)

const VERSION = 1
const NO_FOLDER = '0'.repeat(2 * OBJECT_ID_BYTES)

/** Each folder once; they are written in the order of their ids. */
export function writeFolders(writer: Writer, folders: readonly SyncFolder[]): Writer {
  assert(folders.length <= SYNC_FOLDERS_MAX)
  writer.u16(folders.length)
  for (const { id, name } of folders.toSorted((a, b) => compare(a.id, b.id))) {
    assert(id !== NO_FOLDER && isName(name))
    writer.bytes(idBytes(id)).u8(name.length).bytes(Buffer.from(name, 'latin1'))
  }
  return writer
}

/** Fails with `corrupt`. */
export function readFolders(reader: Reader): SyncFolder[] {
  const count = reader.u16()
  requireRule(count <= SYNC_FOLDERS_MAX, 'folders: too many')
  const folders: SyncFolder[] = []
  let before = NO_FOLDER
  for (let left = count; left > 0; left--) {
    const id = readId(reader)
    requireRule(id > before, 'folders: not in their order')
    const name = reader.bytes(reader.u8()).toString('latin1')
    requireRule(isName(name), 'folders: an impossible name')
    folders.push({ id, name })
    before = id
  }
  return folders
}

export function encodeKnownFolders(known: FoldersOfDevices): Buffer {
  const writer = new Writer().u8(VERSION).u16(known.size)
  for (const [device, folders] of [...known].sort(([a], [b]) => compare(a, b))) {
    writeText(writer, device)
    writeFolders(writer, folders)
  }
  return writer.finish()
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeKnownFolders(bytes: Buffer): FoldersOfDevices {
  const reader = new Reader(bytes)
  requireVersion('known folders', reader.u8(), VERSION)
  const known = new Map<string, SyncFolder[]>()
  let before = ''
  for (let left = reader.u16(); left > 0; left--) {
    const device = readText(reader)
    requireRule(device > before, 'known folders: devices not in their order')
    known.set(device, readFolders(reader))
    before = device
  }
  reader.end()
  return known
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
