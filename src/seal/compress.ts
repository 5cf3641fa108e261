/**
 * zstd for frames, where it pays.
 *
 * Whether a block is compressed is decided by its first frame. In a compressed block, a frame that does not shrink
 * enough is stored as it is, which its length says: equal to the plain length, it is not compressed.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { type Compression, frameCountOf, framePlainBytes } from '../format/block.ts'
import { FRAME_BYTES } from '../format/chunk-layout.ts'

const LEVEL = 1
/** A frame must lose an eighth: less is not worth decompressing it at every read. */
const GAIN_ONE_IN = 8
/** More than zstd ever adds to a frame. */
const OVERHEAD_BYTES_MAX = 1024

export interface CompressedFrames {
  readonly compression: Compression
  /** What is to be sealed; views on the plaintext where it is stored as it is. */
  readonly frames: Buffer[]
}

export function compressFrames(plain: Buffer): CompressedFrames {
  const frames = Array.from({ length: frameCountOf(plain.length) }, (_, index) => {
    const start = index * FRAME_BYTES
    return plain.subarray(start, start + framePlainBytes(plain.length, index))
  })
  const first = compressFrame(frames[0]!)
  if (first === undefined) return { compression: 'none', frames }
  const rest = frames.slice(1).map((frame) => compressFrame(frame) ?? frame)
  return { compression: 'zstd', frames: [first, ...rest] }
}

/** The plaintext of one frame; undefined if the bytes are not zstd, or not of exactly `plainBytes` bytes. */
export function decompressFrame(frame: Buffer, plainBytes: number): Buffer | undefined {
  if (frame.length === plainBytes) return frame
  try {
    const plain = zstdDecompressSync(frame, { maxOutputLength: plainBytes, chunkSize: FRAME_BYTES })
    return plain.length === plainBytes ? plain : undefined
  } catch {
    return undefined
  }
}

/** Undefined where it does not pay. */
function compressFrame(frame: Buffer): Buffer | undefined {
  const compressed = zstdCompressSync(frame, {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
    pledgedSrcSize: frame.length,
    // Room for the worst case, so that the output is one piece.
    chunkSize: frame.length + OVERHEAD_BYTES_MAX,
  })
  return compressed.length <= frame.length - frame.length / GAIN_ONE_IN ? compressed : undefined
}
