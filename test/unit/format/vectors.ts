/**
 * The test vectors of the formats, as the tests read them. In JSON `{ "hex": "0102" }` stands for bytes,
 * `{ "ns": "1" }` for a bigint, and null for undefined.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DfsError, type ErrorKind } from '../../../src/errors.ts'

export interface Vector {
  /** Which encoding of the format this is about. */
  readonly what: string
  readonly name: string
  readonly value?: unknown
  readonly hex?: string
  readonly text?: string
  /** Of an invalid vector: how it is refused. */
  readonly kind?: ErrorKind
  /** Of a frame table: the header before it. */
  readonly header?: string
  /** Of a storage proof: the challenge that it answers. */
  readonly challenge?: string
  /** Of a record frame: the number of the record before it. */
  readonly after?: number
}

export interface VectorFile {
  readonly format: string
  readonly version: number
  readonly valid: readonly Vector[]
  readonly invalid: readonly Vector[]
}

export const FORMATS = [
  'cid',
  'chunk-layout',
  'block',
  'manifest',
  'stub',
  'journal-record',
  'index-entry',
  'message',
  'membership',
  'hold',
  'shard',
  'storage-proof',
  'head',
  'sync',
]

/** The vectors of one format as they stand in the file. */
export function readVectors(format: string): VectorFile {
  return JSON.parse(readFileSync(new URL(`../../vectors/${format}.json`, import.meta.url), 'utf8'))
}

/** How one encoding is checked; without `encode` its vectors are only decoded. */
export interface Coder {
  decode(bytes: Buffer, vector: Vector): unknown
  // biome-ignore lint/suspicious/noExplicitAny: values come from JSON and go to many encoders
  encode?(value: any, vector: Vector): Buffer
}

/** Declares a test for each vector of a format; each encoding in the file must have its coder. */
export function testVectors(format: string, coders: Readonly<Record<string, Coder>>): void {
  const { valid, invalid } = readVectors(format)
  for (const vector of valid) {
    test(`${format}: ${vector.what} "${vector.name}" decodes to its value and back`, () => {
      const { decode, encode } = coderOf(coders, vector)
      const bytes = Buffer.from(vector.hex!, 'hex')
      const value = revive(vector.value)
      assert.deepEqual(decode(bytes, vector), value)
      if (encode !== undefined) assert.equal(encode(value, vector).toString('hex'), vector.hex)
    })
  }
  for (const vector of invalid) {
    test(`${format}: ${vector.what} with "${vector.name}" is refused as ${vector.kind}`, () => {
      const bytes = Buffer.from(vector.hex!, 'hex')
      const refusal = refusalOf(() => coderOf(coders, vector).decode(bytes, vector))
      assert.equal(refusal?.kind, vector.kind)
      assert.equal(bytes.toString('hex'), vector.hex, 'the bytes are left as they are')
    })
  }
}

/** Runs a decoder; the DfsError it threw if any. Anything else that it throws is a failure of the test. */
export function refusalOf(decode: () => unknown): DfsError | undefined {
  try {
    decode()
    return undefined
  } catch (error) {
    assert(error instanceof DfsError, `threw ${error}, which is no DfsError`)
    return error
  }
}

/** The value that a vector's JSON stands for. */
export function revive(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(revive)
  if (typeof json !== 'object' || json === null) return json ?? undefined
  const { hex, ns } = json as { hex?: string; ns?: string }
  if (hex !== undefined) return Buffer.from(hex, 'hex')
  if (ns !== undefined) return BigInt(ns)
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, revive(value)]))
}

function coderOf(coders: Readonly<Record<string, Coder>>, { what }: Vector): Coder {
  const coder = coders[what]
  assert(coder !== undefined, `no coder for ${what}`)
  return coder
}
