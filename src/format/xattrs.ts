/**
 * The extended attributes of an object as heads and the index of a synced folder carry them.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { ByteString } from '../dfs.ts'
import { requireRule } from './refuse.ts'

/** Attributes of one object, encoded; an object with more is carried without any. */
export const XATTRS_BYTES_MAX = 4096

export interface Xattr {
  readonly name: ByteString
  readonly value: Buffer
}

/** Length of the encoded list, to be compared with XATTRS_BYTES_MAX. */
export function xattrsBytes(xattrs: readonly Xattr[]): number {
  return xattrs.reduce((sum, { name, value }) => sum + 3 + name.length + value.length, 0)
}

/** At least one, by ascending name, each once. */
export function encodeXattrs(xattrs: readonly Xattr[]): Buffer {
  assert(xattrs.length > 0 && xattrsBytes(xattrs) <= XATTRS_BYTES_MAX)
  const writer = new Writer()
  for (const { name, value } of xattrs) {
    writer.u8(name.length).bytes(Buffer.from(name, 'latin1')).u16(value.length).bytes(value)
  }
  return writer.finish()
}

/** Values point into `bytes`. Fails with `corrupt`. */
export function decodeXattrs(bytes: Buffer): Xattr[] {
  requireRule(bytes.length > 0 && bytes.length <= XATTRS_BYTES_MAX, 'impossible attributes')
  const reader = new Reader(bytes)
  const xattrs: Xattr[] = []
  let last = ''
  while (reader.remaining > 0) {
    const name = reader.bytes(reader.u8()).toString('latin1')
    requireRule(name > last && !name.includes('\0'), 'impossible attribute')
    last = name
    xattrs.push({ name, value: reader.bytes(reader.u16()) })
  }
  return xattrs
}
