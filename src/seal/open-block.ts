/**
 * A block, to the chunk or manifest node in it: as a whole, or frame by frame through its frame table.
 *
 * Nothing comes out that did not authenticate under the reference's key. Every failure is `corrupt` (or
 * `newer-version`, by the header), with the block's CID as subject.
 */
import type { KeyObject } from 'node:crypto'
import type { BlockRef } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import {
  BLOCK_HEADER_BYTES,
  decodeBlockHeader,
  decodeFrameTable,
  encodeBlockHeader,
  frameCountOf,
  frameNonce,
  frameOffsets,
  framePlainBytes,
  headBytes,
  TABLE_FRAME,
} from '../format/block.ts'
import { FRAME_BYTES } from '../format/chunk-layout.ts'
import { openMessage, secretKey } from './aead.ts'
import { decompressFrame } from './compress.ts'

/** Where the frames of a block lie, and what opens them. */
export interface FrameTable {
  /** Of each sealed frame, tag included: offset in the block and length. */
  readonly frames: readonly { readonly offset: number; readonly bytes: number }[]
  readonly key: KeyObject
  /** The block's header. */
  readonly aad: Buffer
}

/** Opens the frame table. `head`: the first `headBytes(frameCountOf(ref.plainBytes))` bytes of the block, or more. */
export function readFrameTable(head: Buffer, ref: BlockRef): FrameTable {
  const header = naming(ref, () => decodeBlockHeader(head))
  const end = headBytes(header.frameCount)
  if (header.frameCount !== frameCountOf(ref.plainBytes) || head.length < end)
    throw corrupt(ref, 'the block does not fit')
  const key = secretKey(ref.key)
  const aad = Buffer.from(head.subarray(0, BLOCK_HEADER_BYTES))
  const plain = openMessage({ key, nonce: frameNonce(TABLE_FRAME), aad }, head.subarray(BLOCK_HEADER_BYTES, end))
  if (plain === undefined) throw corrupt(ref, 'the frame table does not authenticate')
  const { plainBytes, frameBytes } = naming(ref, () => decodeFrameTable(plain, header))
  const offsets = frameOffsets(frameBytes)
  if (plainBytes !== ref.plainBytes || offsets.at(-1) !== ref.sealedBytes) throw corrupt(ref, 'the block does not fit')
  return { frames: framesAt(offsets), key, aad }
}

function framesAt(offsets: readonly number[]): FrameTable['frames'] {
  return offsets.slice(1).map((end, i) => ({ offset: offsets[i]!, bytes: end - offsets[i]! }))
}

/**
 * Where the frames of a data block lie that was not compressed, which its length tells: its head need not be read. A
 * frame that does not open by it may be damaged, or the block another: the table says. Undefined for other blocks.
 */
export function impliedFrameTable(ref: BlockRef): FrameTable | undefined {
  const frameCount = frameCountOf(ref.plainBytes)
  const frameBytes = Array.from({ length: frameCount }, (_, index) => framePlainBytes(ref.plainBytes, index))
  const offsets = frameOffsets(frameBytes)
  if (offsets.at(-1) !== ref.sealedBytes) return undefined
  const aad = encodeBlockHeader({ kind: 'data', compression: 'none', cipher: 'aes-256-gcm', frameCount })
  return { frames: framesAt(offsets), key: secretKey(ref.key), aad }
}

/** The plaintext of frame `index`; `sealed` is the block's bytes from `offset` on, `bytes` long, as the table says. */
export function openFrame(table: FrameTable, index: number, sealed: Buffer, ref: BlockRef): Buffer {
  if (sealed.length !== table.frames[index]?.bytes) throw corrupt(ref, `frame ${index} is cut short`)
  const stored = openMessage({ key: table.key, nonce: frameNonce(index), aad: table.aad }, sealed)
  if (stored === undefined) throw corrupt(ref, `frame ${index} does not authenticate`)
  const plain = decompressFrame(stored, framePlainBytes(ref.plainBytes, index))
  if (plain === undefined) throw corrupt(ref, `frame ${index} does not decompress`)
  return plain
}

/** The plaintext of a whole block: in the first bytes of `into`, else in memory of its own. */
export function openBlock(bytes: Buffer, ref: BlockRef, into: Buffer = Buffer.allocUnsafeSlow(ref.plainBytes)): Buffer {
  if (bytes.length !== ref.sealedBytes)
    throw corrupt(ref, `the block has ${bytes.length} bytes, not ${ref.sealedBytes}`)
  const table = readFrameTable(bytes, ref)
  for (const [index, { offset, bytes: length }] of table.frames.entries()) {
    into.set(openFrame(table, index, bytes.subarray(offset, offset + length), ref), index * FRAME_BYTES)
  }
  return into.subarray(0, ref.plainBytes)
}

/** Runs a decoder and puts the block's CID on what it throws. */
function naming<T>(ref: BlockRef, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof DfsError)) throw error
    throw new DfsError(error.kind, error.message, {
      op: 'open block',
      subject: ref.cid,
      mend: error.mend,
      cause: error,
    })
  }
}

function corrupt(ref: BlockRef, message: string): DfsError {
  return new DfsError('corrupt', message, { op: 'open block', subject: ref.cid })
}
