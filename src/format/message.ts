/**
 * The messages of `/dfs/blocks/1`: one a frame of the channel that carries them. FORMAT.md §10 has the byte tables.
 *
 * The one who opened the channel asks (want, cancel, prefer, seek, have, direct-request), the other answers (piece,
 * missing, available, direct-answer). The version is in the protocol's name, so a message has none of its own.
 */
import { Reader, Writer } from '../bytes/cursor.ts'
import { BLOCK_BYTES_MAX } from './block.ts'
import { DIGEST_BYTES } from './cid.ts'
import { corrupt, requireRule } from './refuse.ts'

/** `bulk`: in line; `urgent`: before all that is bulk; `probe`: only say whether the block is here. */
export type WantMode = 'bulk' | 'urgent' | 'probe'

export interface Want {
  /** The asker's number for this want, not used again while it is open. */
  readonly id: number
  readonly mode: WantMode
  /** Bytes [from, to) of the block are sent first, behind its head; from = to: in order. */
  readonly from: number
  readonly to: number
  /** 32 bytes: the digest in the block's CID. */
  readonly digest: Buffer
}

/** What the origin of a seek signs. */
export interface SeekClaim {
  /** 32 bytes: the Ed25519 public key of the device that wants the block, whither holders say that they have it. */
  readonly origin: Buffer
  /** 16 random bytes: one seek is never passed on twice. */
  readonly nonce: Buffer
  readonly digest: Buffer
  /** Where the origin can be reached, as text (multiaddr); hints. */
  readonly addresses: readonly string[]
}

export interface SeekMessage extends SeekClaim {
  readonly type: 'seek'
  /** How many more times it may be passed on. */
  readonly hops: number
  /** 64 bytes: Ed25519 over `seekSignedBytes` in the context SEEK_CONTEXT. */
  readonly signature: Buffer
}

export type Message =
  | { readonly type: 'want'; readonly wants: readonly Want[] }
  | { readonly type: 'cancel'; readonly ids: readonly number[] }
  /** The want becomes urgent, and these bytes come next. */
  | { readonly type: 'prefer'; readonly id: number; readonly from: number; readonly to: number }
  | PieceMessage
  | { readonly type: 'missing'; readonly ids: readonly number[] }
  | { readonly type: 'available'; readonly ids: readonly number[] }
  | SeekMessage
  | { readonly type: 'have'; readonly digests: readonly Buffer[] }
  /** Asks for a socket beside the stream; SHA-256 of the certificate that the asker will show there. */
  | { readonly type: 'direct-request'; readonly fingerprint: Buffer }
  /** `port` 0: there is none. */
  | { readonly type: 'direct-answer'; readonly port: number; readonly fingerprint: Buffer }

export interface PieceMessage {
  readonly type: 'piece'
  readonly id: number
  /** Length of the whole block. */
  readonly blockBytes: number
  readonly offset: number
  readonly bytes: Buffer
}

/** For the signature of a seek. */
export const SEEK_CONTEXT = 'dfs seek 1'
export const PIECE_BYTES_MAX = 256 * 1024
export const PIECE_HEAD_BYTES = 13
/** No message is longer. */
export const MESSAGE_BYTES_MAX = PIECE_HEAD_BYTES + PIECE_BYTES_MAX
/** Items of one message. */
export const ITEMS_MAX = 256
export const HOPS_MAX = 7
export const ADDRESSES_MAX = 8
export const ADDRESS_BYTES_MAX = 255
const KEY_BYTES = 32
const NONCE_BYTES = 16
const SIGNATURE_BYTES = 64
const FINGERPRINT_BYTES = 32

const MODES: readonly WantMode[] = ['bulk', 'urgent', 'probe']
const NUMBERS = {
  want: 1,
  cancel: 2,
  prefer: 3,
  piece: 4,
  missing: 5,
  available: 6,
  seek: 7,
  have: 8,
  'direct-request': 9,
  'direct-answer': 10,
} as const satisfies Record<Message['type'], number>

export function encodeMessage(message: Message): Buffer {
  const writer = new Writer().u8(NUMBERS[message.type])
  switch (message.type) {
    case 'want':
      writer.u16(message.wants.length)
      for (const { id, mode, from, to, digest } of message.wants) {
        writer.u32(id).u8(MODES.indexOf(mode)).u32(from).u32(to).bytes(digest)
      }
      break
    case 'cancel':
    case 'missing':
    case 'available':
      writer.u16(message.ids.length)
      for (const id of message.ids) writer.u32(id)
      break
    case 'prefer':
      writer.u32(message.id).u32(message.from).u32(message.to)
      break
    case 'piece':
      return Buffer.concat([encodePieceHead(message), message.bytes])
    case 'seek':
      writer.u8(message.hops)
      writeClaim(writer, message)
      writer.bytes(message.signature)
      break
    case 'have':
      writer.u16(message.digests.length)
      for (const digest of message.digests) writer.bytes(digest)
      break
    case 'direct-request':
      writer.bytes(message.fingerprint)
      break
    case 'direct-answer':
      writer.u16(message.port).bytes(message.fingerprint)
      break
  }
  return writer.finish()
}

/** What stands before the bytes of a piece, so that they need not be copied behind it. */
export function encodePieceHead({ id, blockBytes, offset }: Omit<PieceMessage, 'type' | 'bytes'>): Buffer {
  const head = Buffer.allocUnsafe(PIECE_HEAD_BYTES)
  head[0] = NUMBERS.piece
  head.writeUInt32LE(id, 1)
  head.writeUInt32LE(blockBytes, 5)
  head.writeUInt32LE(offset, 9)
  return head
}

/** Reads what `encodePieceHead` wrote; undefined if it is the head of another message. Nothing is checked. */
export function decodePieceHead(head: Buffer): Omit<PieceMessage, 'type' | 'bytes'> | undefined {
  if (head[0] !== NUMBERS.piece) return undefined
  return { id: head.readUInt32LE(1), blockBytes: head.readUInt32LE(5), offset: head.readUInt32LE(9) }
}

/** Reads one message; byte fields are views of `bytes`. Fails with `corrupt`. */
export function decodeMessage(bytes: Buffer): Message {
  requireRule(bytes.length <= MESSAGE_BYTES_MAX, 'message: too long')
  const reader = new Reader(bytes)
  const message = decodeBody(reader)
  reader.end()
  return message
}

/** What the origin's signature of a seek covers. `networkId`: bytes that name the network. */
export function seekSignedBytes(claim: SeekClaim, networkId: Uint8Array): Buffer {
  const writer = new Writer().u8(networkId.length).bytes(networkId)
  writeClaim(writer, claim)
  return writer.finish()
}

function writeClaim(writer: Writer, { origin, nonce, digest, addresses }: SeekClaim): void {
  writer.bytes(origin).bytes(nonce).bytes(digest).u8(addresses.length)
  for (const address of addresses) {
    const text = Buffer.from(address)
    writer.u8(text.length).bytes(text)
  }
}

function decodeBody(reader: Reader): Message {
  const number = reader.u8()
  switch (number) {
    case NUMBERS.want:
      return { type: 'want', wants: readItems(reader, readWant) }
    case NUMBERS.cancel:
      return { type: 'cancel', ids: readItems(reader, readId) }
    case NUMBERS.prefer:
      return { type: 'prefer', id: reader.u32(), ...readRange(reader) }
    case NUMBERS.piece:
      return readPiece(reader)
    case NUMBERS.missing:
      return { type: 'missing', ids: readItems(reader, readId) }
    case NUMBERS.available:
      return { type: 'available', ids: readItems(reader, readId) }
    case NUMBERS.seek:
      return readSeek(reader)
    case NUMBERS.have:
      return { type: 'have', digests: readItems(reader, (from) => from.bytes(DIGEST_BYTES)) }
    case NUMBERS['direct-request']:
      return { type: 'direct-request', fingerprint: reader.bytes(FINGERPRINT_BYTES) }
    case NUMBERS['direct-answer']:
      return { type: 'direct-answer', port: reader.u16(), fingerprint: reader.bytes(FINGERPRINT_BYTES) }
    default:
      throw corrupt('message: unknown type')
  }
}

function readItems<T>(reader: Reader, read: (reader: Reader) => T): T[] {
  const count = reader.u16()
  requireRule(count >= 1 && count <= ITEMS_MAX, 'message: impossible count')
  return Array.from({ length: count }, () => read(reader))
}

function readId(reader: Reader): number {
  return reader.u32()
}

function readWant(reader: Reader): Want {
  const id = reader.u32()
  const mode = MODES[reader.u8()]
  requireRule(mode !== undefined, 'want: unknown mode')
  return { id, mode, ...readRange(reader), digest: reader.bytes(DIGEST_BYTES) }
}

function readRange(reader: Reader): { from: number; to: number } {
  const range = { from: reader.u32(), to: reader.u32() }
  requireRule(range.from <= range.to && range.to <= BLOCK_BYTES_MAX, 'message: impossible range')
  return range
}

function readPiece(reader: Reader): PieceMessage {
  const [id, blockBytes, offset] = [reader.u32(), reader.u32(), reader.u32()]
  const bytes = reader.bytes(reader.remaining)
  requireRule(blockBytes <= BLOCK_BYTES_MAX, 'piece: the block is too long')
  requireRule(bytes.length > 0 && offset + bytes.length <= blockBytes, 'piece: impossible place')
  return { type: 'piece', id, blockBytes, offset, bytes }
}

function readSeek(reader: Reader): SeekMessage {
  const hops = reader.u8()
  requireRule(hops <= HOPS_MAX, 'seek: too many hops')
  const [origin, nonce, digest] = [reader.bytes(KEY_BYTES), reader.bytes(NONCE_BYTES), reader.bytes(DIGEST_BYTES)]
  const count = reader.u8()
  requireRule(count <= ADDRESSES_MAX, 'seek: too many addresses')
  const addresses = Array.from({ length: count }, () => readAddress(reader))
  return { type: 'seek', hops, origin, nonce, digest, addresses, signature: reader.bytes(SIGNATURE_BYTES) }
}

function readAddress(reader: Reader): string {
  const bytes = reader.bytes(reader.u8())
  // Visible ASCII only: so the text stands for these bytes and no others.
  requireRule(bytes.length > 0 && bytes.every((byte) => byte > 0x20 && byte < 0x7f), 'seek: impossible address')
  return bytes.toString('latin1')
}
