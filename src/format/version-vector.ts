/**
 * Version vectors as bytes: for each writer how many of its changes are in a state, writers in ascending order.
 */
import assert from 'node:assert/strict'
import type { Reader, Writer } from '../bytes/cursor.ts'
import { corrupt, requireRule } from './refuse.ts'

/** A device in one incarnation, as 32 hex digits: the first 8 bytes of its identity key, then 8 random ones. */
export type WriterId = string

/** Names one change: `writer` counted it as its `counter`th. Never used twice. */
export interface Dot {
  readonly writer: WriterId
  /** 0 < counter < 2^53. */
  readonly counter: number
}

/** The highest counter of each writer whose changes are included; that of others is 0. */
export type VersionVector = ReadonlyMap<WriterId, number>

export const WRITER_BYTES = 16
export const VECTOR_WRITERS_MAX = 256

const DOT_BYTES = WRITER_BYTES + 8

export function writeVector(writer: Writer, vector: VersionVector): Writer {
  assert(vector.size <= VECTOR_WRITERS_MAX, 'a version vector of so many writers')
  writer.u16(vector.size)
  for (const id of [...vector.keys()].sort()) writeDot(writer, { writer: id, counter: vector.get(id)! })
  return writer
}

/** Fails with `corrupt`. */
export function readVector(reader: Reader): VersionVector {
  const count = reader.u16()
  requireRule(count <= VECTOR_WRITERS_MAX && count * DOT_BYTES <= reader.remaining, 'version vector: impossible count')
  const vector = new Map<WriterId, number>()
  let last = ''
  for (let index = 0; index < count; index++) {
    const { writer, counter } = readDot(reader)
    if (writer <= last) throw corrupt('version vector: writers do not ascend')
    vector.set(writer, counter)
    last = writer
  }
  return vector
}

export function writeDot(writer: Writer, { writer: id, counter }: Dot): Writer {
  const bytes = Buffer.from(id, 'hex')
  assert(bytes.length === WRITER_BYTES && counter > 0)
  return writer.bytes(bytes).u53(counter)
}

/** Fails with `corrupt`. */
export function readDot(reader: Reader): Dot {
  const writer = reader.bytes(WRITER_BYTES).toString('hex')
  const counter = reader.u53()
  if (counter === 0) throw corrupt('version vector: counters begin at 1')
  return { writer, counter }
}
