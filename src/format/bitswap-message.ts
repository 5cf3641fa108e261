/**
 * The messages of `/ipfs/bitswap/1.2.0`, as far as somebody needs them who only answers: protobuf, each behind its length
 * as a varint (https://specs.ipfs.tech/bitswap-protocol/).
 *
 * Only CIDs that name blocks as dfs does are understood; all others are passed back as they came, to be denied.
 */
import { DIGEST_BYTES } from './cid.ts'
import { corrupt, requireRule } from './refuse.ts'

export interface BitswapWant {
  /** The CID's bytes as they came. */
  readonly cid: Buffer
  /** The digest, if it is a block's CID as dfs makes them. */
  readonly digest: Buffer | undefined
  readonly isCancel: boolean
  /** Only whether it is here. */
  readonly isHave: boolean
  readonly sendDontHave: boolean
}

export type BitswapAnswer =
  | { readonly kind: 'block'; readonly bytes: Buffer }
  | { readonly kind: 'have' | 'dont-have'; readonly cid: Buffer }

/** No wantlist that is taken is longer. */
export const WANTLIST_BYTES_MAX = 256 * 1024
/** CID version 1, codec raw, multihash BLAKE3, digest length: what stands before the digest. */
const PREFIX = Buffer.from([0x01, 0x55, 0x1e, DIGEST_BYTES])
const VARINT_BYTES_MAX = 8
const CID_BYTES_MAX = 128

const VARINT = 0
const FIXED_64 = 1
const BYTES = 2
const FIXED_32 = 5

interface Field {
  readonly number: number
  /** Of a varint. */
  readonly value: number
  /** Of bytes. */
  readonly bytes: Buffer | undefined
}

/** Reads a varint at the start of the bytes; undefined if it is not all there. Fails with `corrupt`. */
export function decodeVarint(bytes: Buffer, at = 0): { value: number; end: number } | undefined {
  let value = 0
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    const byte = bytes[at + index]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) {
      requireRule(Number.isSafeInteger(value), 'varint: too large')
      return { value, end: at + index + 1 }
    }
  }
  throw corrupt('varint: too long')
}

/** The wants of a message, without its length. Fails with `corrupt`. */
export function decodeBitswapWants(message: Buffer): BitswapWant[] {
  const wants: BitswapWant[] = []
  for (const list of fieldsOf(message)) {
    if (list.number !== 1 || list.bytes === undefined) continue
    for (const entry of fieldsOf(list.bytes)) {
      if (entry.number === 1 && entry.bytes !== undefined) wants.push(decodeEntry(entry.bytes))
    }
  }
  return wants
}

/** A whole message, its length before it. */
export function encodeBitswapAnswer(answer: BitswapAnswer): Buffer {
  const message =
    answer.kind === 'block'
      ? field(3, Buffer.concat([field(1, PREFIX), field(2, answer.bytes)]))
      : field(4, Buffer.concat([field(1, answer.cid), Buffer.of(2 * 8 + VARINT, answer.kind === 'have' ? 0 : 1)]))
  return Buffer.concat([varint(message.length), message])
}

function decodeEntry(bytes: Buffer): BitswapWant {
  let cid: Buffer | undefined
  const flags = { cancel: 0, wantType: 0, sendDontHave: 0 }
  for (const { number, value, bytes: part } of fieldsOf(bytes)) {
    if (number === 1 && part !== undefined) cid = part
    else if (number === 3) flags.cancel = value
    else if (number === 4) flags.wantType = value
    else if (number === 5) flags.sendDontHave = value
  }
  requireRule(cid !== undefined && cid.length > 0 && cid.length <= CID_BYTES_MAX, 'bitswap: a want without a CID')
  const isOurs = cid.length === PREFIX.length + DIGEST_BYTES && cid.subarray(0, PREFIX.length).equals(PREFIX)
  return {
    cid,
    digest: isOurs ? cid.subarray(PREFIX.length) : undefined,
    isCancel: flags.cancel !== 0,
    isHave: flags.wantType !== 0,
    sendDontHave: flags.sendDontHave !== 0,
  }
}

function* fieldsOf(message: Buffer): Generator<Field> {
  for (let at = 0; at < message.length; ) {
    const key = varintIn(message, at)
    const number = Math.floor(key.value / 8)
    const type = key.value % 8
    at = key.end
    if (type === VARINT) {
      const { value, end } = varintIn(message, at)
      yield { number, value, bytes: undefined }
      at = end
    } else if (type === BYTES) {
      const { value: length, end } = varintIn(message, at)
      requireRule(length <= message.length - end, 'bitswap: a field is cut short')
      yield { number, value: 0, bytes: message.subarray(end, end + length) }
      at = end + length
    } else if (type === FIXED_64 || type === FIXED_32) {
      at += type === FIXED_64 ? 8 : 4
      requireRule(at <= message.length, 'bitswap: a field is cut short')
    } else throw corrupt('bitswap: unknown wire type')
  }
}

function varintIn(message: Buffer, at: number): { value: number; end: number } {
  const found = decodeVarint(message, at)
  requireRule(found !== undefined, 'bitswap: a number is cut short')
  return found
}

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(number * 8 + BYTES), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 0x80)) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest % 0x80) + 0x80)
  }
}
