/**
 * What a folder's directory remembers of its index, which is kept elsewhere: how far it had come, and which objects on the
 * disk the two are. Always of one length, and written over in place.
 */
import { crc32 } from 'node:zlib'
import { Reader, Writer } from '../bytes/cursor.ts'
import { magicNumber, requireRule, requireVersion } from './refuse.ts'
import { type Cursor, readCursor, writeCursor } from './sync-message.ts'

/** Tells objects of one disk apart, those that are gone too; a copy is another one. */
export interface DiskIdentity {
  readonly ino: number
  /** 0 where the file system does not say. */
  readonly btimeNs: bigint
}

export interface IndexWitness {
  /** The index was there, durably, or beyond. */
  readonly index: Cursor
  /** The directory of its database. */
  readonly database: DiskIdentity
  /** The file that this stands in. */
  readonly file: DiskIdentity
}

export const INDEX_WITNESS_BYTES = 65

const MAGIC = magicNumber('dfsw')
const VERSION = 1

export function encodeIndexWitness({ index, database, file }: IndexWitness): Buffer {
  const writer = writeCursor(new Writer().u32(MAGIC).u8(VERSION), index)
  for (const { ino, btimeNs } of [database, file]) writer.u53(ino).i64(btimeNs)
  const bytes = writer.finish()
  return Buffer.concat([bytes, new Writer().u32(crc32(bytes)).finish()])
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeIndexWitness(bytes: Buffer): IndexWitness {
  const reader = new Reader(bytes)
  requireRule(reader.u32() === MAGIC, 'index witness: none (magic)')
  requireVersion('index witness', reader.u8(), VERSION)
  const index = readCursor(reader)
  const [database, file] = [readIdentity(reader), readIdentity(reader)]
  const read = bytes.subarray(0, bytes.length - reader.remaining)
  requireRule(reader.u32() === crc32(read), 'index witness: check sum')
  reader.end()
  return { index, database, file }
}

function readIdentity(reader: Reader): DiskIdentity {
  return { ino: reader.u53(), btimeNs: reader.i64() }
}
