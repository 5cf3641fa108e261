/**
 * The bytes of a block around what AES-GCM seals: header, sealed frame table, sealed frames.
 *
 *     header (12) | table (4 + 4 * frameCount) tag (16) | frame 0, tag (16) | frame 1, tag (16) | ...
 *
 * The header's bytes are the additional data of every seal of the block. Nothing is sealed or opened here.
 */
import assert from 'node:assert/strict'
import type { BlockKind } from '../dfs.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES } from './chunk-layout.ts'
import { magicNumber, requireRule, requireVersion } from './refuse.ts'

export type Compression = 'none' | 'zstd'
export type Cipher = 'aes-256-gcm'

export interface BlockHeader {
  readonly kind: BlockKind
  readonly compression: Compression
  readonly cipher: Cipher
  /** 1 to FRAMES_MAX. */
  readonly frameCount: number
}

/** What the opened frame table says. */
export interface FrameTable {
  /** Plaintext length of the whole block. */
  readonly plainBytes: number
  /** For each frame the length of what AES-GCM seals. Equal to `framePlainBytes`: stored as it is; shorter: compressed. */
  readonly frameBytes: readonly number[]
}

export const BLOCK_HEADER_BYTES = 12
export const TAG_BYTES = 16
export const NONCE_BYTES = 12
export const FRAMES_MAX = CHUNK_BYTES_MAX / FRAME_BYTES
/** Stands for a frame number in the nonce of the frame table. */
export const TABLE_FRAME = 0xffff_ffff
/** Length of the longest block. */
export const BLOCK_BYTES_MAX = headBytes(FRAMES_MAX) + CHUNK_BYTES_MAX + FRAMES_MAX * TAG_BYTES
/** Length of the longest head (header and sealed table): reading so much from the start of a block is always enough. */
export const HEAD_BYTES_MAX = headBytes(FRAMES_MAX)

const MAGIC = magicNumber('dfsb')
const VERSION = 1
const KINDS: readonly BlockKind[] = ['data', 'node']
const COMPRESSIONS: readonly Compression[] = ['none', 'zstd']
const AES_256_GCM = 1

export function encodeBlockHeader({ kind, compression, cipher, frameCount }: BlockHeader): Buffer {
  assert(cipher === 'aes-256-gcm' && frameCount >= 1 && frameCount <= FRAMES_MAX)
  const bytes = Buffer.alloc(BLOCK_HEADER_BYTES)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes[4] = VERSION
  bytes[5] = KINDS.indexOf(kind)
  bytes[6] = COMPRESSIONS.indexOf(compression)
  bytes[7] = AES_256_GCM
  bytes.writeUInt16LE(frameCount, 8)
  return bytes
}

/** Reads the header from the start of a block; what follows it is not looked at. Fails with `corrupt`, `newer-version`. */
export function decodeBlockHeader(bytes: Buffer): BlockHeader {
  requireRule(bytes.length >= BLOCK_HEADER_BYTES, 'block: shorter than its header')
  requireRule(bytes.readUInt32LE(0) === MAGIC, 'block: not a block (magic)')
  requireVersion('block', bytes[4]!, VERSION)
  const kind = KINDS[bytes[5]!]
  requireRule(kind !== undefined, 'block: unknown kind')
  const compression = COMPRESSIONS[bytes[6]!]
  requireRule(compression !== undefined, 'block: unknown compression')
  requireRule(bytes[7] === AES_256_GCM, 'block: unknown cipher')
  const frameCount = bytes.readUInt16LE(8)
  requireRule(frameCount >= 1 && frameCount <= FRAMES_MAX, 'block: impossible frame count')
  requireRule(bytes.readUInt16LE(10) === 0, 'block: reserved bytes are not zero')
  return { kind, compression, cipher: 'aes-256-gcm', frameCount }
}

/** The plaintext of the frame table. */
export function encodeFrameTable({ plainBytes, frameBytes }: FrameTable): Buffer {
  const bytes = Buffer.allocUnsafe(tableBytes(frameBytes.length))
  bytes.writeUInt32LE(plainBytes, 0)
  for (const [index, length] of frameBytes.entries()) bytes.writeUInt32LE(length, 4 + 4 * index)
  return bytes
}

/** Reads the opened frame table of a block with this header. Fails with `corrupt`. */
export function decodeFrameTable(bytes: Buffer, { compression, frameCount }: BlockHeader): FrameTable {
  requireRule(bytes.length === tableBytes(frameCount), 'frame table: length does not fit the frame count')
  const plainBytes = bytes.readUInt32LE(0)
  requireRule(plainBytes > 0 && frameCountOf(plainBytes) === frameCount, 'frame table: plain length does not fit')
  const frameBytes: number[] = []
  for (let index = 0; index < frameCount; index++) {
    const length = bytes.readUInt32LE(4 + 4 * index)
    const whole = framePlainBytes(plainBytes, index)
    requireRule(
      length === whole || (compression === 'zstd' && length > 0 && length < whole),
      'frame table: frame length',
    )
    frameBytes.push(length)
  }
  return { plainBytes, frameBytes }
}

/** How many frames hold so many bytes of plaintext. */
export function frameCountOf(plainBytes: number): number {
  return Math.ceil(plainBytes / FRAME_BYTES)
}

/** Plaintext length of one frame of a block. */
export function framePlainBytes(plainBytes: number, index: number): number {
  return Math.min(FRAME_BYTES, plainBytes - index * FRAME_BYTES)
}

/**
 * Offset in the block of each sealed frame (its tag is its last 16 bytes), and last the length of the block:
 * frame `i` is bytes [offsets[i], offsets[i + 1]).
 */
export function frameOffsets(frameBytes: readonly number[]): number[] {
  const offsets = [headBytes(frameBytes.length)]
  for (const length of frameBytes) offsets.push(offsets.at(-1)! + length + TAG_BYTES)
  return offsets
}

/** Length of a block's head: header, frame table and the table's tag. */
export function headBytes(frameCount: number): number {
  return BLOCK_HEADER_BYTES + tableBytes(frameCount) + TAG_BYTES
}

/** The nonce of a frame, or of the table with TABLE_FRAME: 8 zero bytes, then the number. */
export function frameNonce(frame: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32LE(frame, 8)
  return nonce
}

function tableBytes(frameCount: number): number {
  return 4 + 4 * frameCount
}
