/**
 * Messages of `/dfs/sync/1`: what changed in the index of a folder, from one device of an owner to another.
 *
 * An index numbers its changes. Whoever keeps what it got remembers a cursor: everything of that index up to that number.
 * Which folders there are is said in a message of its own.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { FOLDER_ID_BYTES } from './head-record.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'
import { idBytes, OBJECT_ID_BYTES, SYNC_ENTRY_BYTES_MAX } from './sync-entry.ts'
import { readFolders, SYNC_FOLDERS_BYTES_MAX, type SyncFolder, writeFolders } from './sync-folders.ts'

/** Everything that an index had to say up to this number is kept. */
export interface Cursor {
  /** 32 hex digits: 16 random bytes, drawn whenever the device starts. */
  readonly indexId: string
  readonly sequence: number
}

export type SyncMessageBody =
  | {
      readonly kind: 'hello'
      /** The index of the sender, and the number of its last change. */
      readonly own: Cursor
      /** What the sender has of the receiver's index. */
      readonly known: Cursor | undefined
      /** The sender waits for the receiver's. */
      readonly wantsAnswer: boolean
    }
  | {
      readonly kind: 'entries'
      /** The run of the receiver's index that it is for: what that is known to have is left out. */
      readonly to: string
      /** What the receiver must have before it; number 0 is the beginning of the index. */
      readonly after: Cursor
      /** What it has when these are kept. */
      readonly upTo: Cursor
      /** As `encodeSyncEntry` makes them, in the order of their numbers. */
      readonly entries: readonly Buffer[]
    }
  /** This is kept, durably. */
  | { readonly kind: 'kept'; readonly upTo: Cursor }

/** About one folder. */
export type FolderMessage = SyncMessageBody & {
  /** 16 bytes. */
  readonly folder: Buffer
}

/** All folders that the sender has. */
export interface FoldersMessage {
  readonly kind: 'folders'
  /** The sender waits for the receiver's. */
  readonly wantsAnswer: boolean
  readonly folders: readonly SyncFolder[]
}

export type SyncMessage = FolderMessage | FoldersMessage

export const SYNC_ENTRIES_MAX = 1024
/** Length of the entries of one message together. */
export const SYNC_ENTRIES_BYTES = 262_144
/** Length of the longest message. */
export const SYNC_MESSAGE_BYTES_MAX =
  2 +
  FOLDER_ID_BYTES +
  Math.max(OBJECT_ID_BYTES + 2 * 24 + 2 + SYNC_ENTRIES_BYTES + 2 * SYNC_ENTRIES_MAX, 1 + SYNC_FOLDERS_BYTES_MAX)

const VERSION = 1
const KINDS: readonly SyncMessage['kind'][] = ['hello', 'entries', 'kept', 'folders']
/** Stands where a message about one folder has its id. */
const NO_FOLDER = Buffer.alloc(FOLDER_ID_BYTES)
const FLAG = { KNOWS: 1, WANTS_ANSWER: 2 } as const

export function encodeSyncMessage(message: SyncMessage): Buffer {
  const folder = message.kind === 'folders' ? NO_FOLDER : message.folder
  assert(folder.length === FOLDER_ID_BYTES)
  const writer = new Writer().u8(VERSION).u8(KINDS.indexOf(message.kind)).bytes(folder)
  switch (message.kind) {
    case 'hello': {
      const { own, known, wantsAnswer } = message
      writer.u8((known === undefined ? 0 : FLAG.KNOWS) | (wantsAnswer ? FLAG.WANTS_ANSWER : 0))
      writeCursor(writer, own)
      if (known !== undefined) writeCursor(writer, known)
      break
    }
    case 'entries':
      writeCursor(writeCursor(writer.bytes(idBytes(message.to)), message.after), message.upTo)
      assert(message.entries.length <= SYNC_ENTRIES_MAX)
      writer.u16(message.entries.length)
      for (const entry of message.entries) writer.u16(entry.length).bytes(entry)
      break
    case 'kept':
      writeCursor(writer, message.upTo)
      break
    case 'folders':
      writeFolders(writer.u8(message.wantsAnswer ? FLAG.WANTS_ANSWER : 0), message.folders)
  }
  const bytes = writer.finish()
  assert(bytes.length <= SYNC_MESSAGE_BYTES_MAX)
  return bytes
}

/** Reads a message; the entries are still to be read. Views on `bytes`. Fails with `corrupt`, `newer-version`. */
export function decodeSyncMessage(bytes: Buffer): SyncMessage {
  requireRule(bytes.length <= SYNC_MESSAGE_BYTES_MAX, 'sync message: too long')
  const reader = new Reader(bytes)
  requireVersion('sync message', reader.u8(), VERSION)
  const kind = KINDS[reader.u8()]
  requireRule(kind !== undefined, 'sync message: unknown kind')
  const folder = reader.bytes(FOLDER_ID_BYTES)
  const message = kind === 'folders' ? readFoldersMessage(folder, reader) : { ...readBody(kind, reader), folder }
  reader.end()
  return message
}

function readFoldersMessage(folder: Buffer, reader: Reader): FoldersMessage {
  requireRule(folder.equals(NO_FOLDER), 'sync message: folders of a folder')
  const flags = reader.u8()
  requireRule(flags === 0 || flags === FLAG.WANTS_ANSWER, 'sync message: unknown flags')
  return { kind: 'folders', wantsAnswer: flags !== 0, folders: readFolders(reader) }
}

function readBody(kind: SyncMessageBody['kind'], reader: Reader): SyncMessageBody {
  switch (kind) {
    case 'hello': {
      const flags = reader.u8()
      requireRule(flags <= (FLAG.KNOWS | FLAG.WANTS_ANSWER), 'sync message: unknown flags')
      const own = readCursor(reader)
      const known = (flags & FLAG.KNOWS) === 0 ? undefined : readCursor(reader)
      return { kind, own, known, wantsAnswer: (flags & FLAG.WANTS_ANSWER) !== 0 }
    }
    case 'entries': {
      const to = reader.bytes(OBJECT_ID_BYTES).toString('hex')
      const [after, upTo] = [readCursor(reader), readCursor(reader)]
      requireRule(after.sequence < upTo.sequence, 'sync message: entries of no change')
      return { kind, to, after, upTo, entries: readEntries(reader) }
    }
    case 'kept':
      return { kind, upTo: readCursor(reader) }
  }
}

function readEntries(reader: Reader): Buffer[] {
  const count = reader.u16()
  requireRule(count <= SYNC_ENTRIES_MAX, 'sync message: too many entries')
  const entries: Buffer[] = []
  for (let index = 0; index < count; index++) {
    const length = reader.u16()
    if (length === 0 || length > SYNC_ENTRY_BYTES_MAX) throw corrupt('sync message: impossible length of an entry')
    entries.push(reader.bytes(length))
  }
  return entries
}

export function writeCursor(writer: Writer, { indexId, sequence }: Cursor): Writer {
  return writer.bytes(idBytes(indexId)).u53(sequence)
}

export function readCursor(reader: Reader): Cursor {
  return { indexId: reader.bytes(OBJECT_ID_BYTES).toString('hex'), sequence: reader.u53() }
}
