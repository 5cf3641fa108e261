/** Values of the index with a check sum over key and value: LevelDB's reads do not check what the disk gives them. */
import { crc32 } from 'node:zlib'
import { Reader, Writer } from '../bytes/cursor.ts'
import { DfsError } from '../errors.ts'

export function encodeChecked(key: Buffer, value: Buffer): Buffer {
  return new Writer().u32(checkSum(key, value)).bytes(value).finish()
}

/** The value, a view of the same memory. Fails with `corrupt`. */
export function decodeChecked(key: Buffer, bytes: Buffer): Buffer {
  const reader = new Reader(bytes)
  const expected = reader.u32()
  const value = reader.bytes(reader.remaining)
  if (checkSum(key, value) !== expected)
    throw new DfsError('corrupt', 'an entry of the index is damaged', { op: 'read index' })
  return value
}

function checkSum(key: Buffer, value: Buffer): number {
  return crc32(value, crc32(key))
}
