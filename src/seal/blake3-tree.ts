/**
 * The nodes of BLAKE3's tree as chaining values, 8 words each. `format/slice-tree` says how the tree of a block looks;
 * BLAKE3's chunks are called slices there and here.
 */
import { leftSlicesOf, SLICE_BYTES } from '../format/slice-tree.ts'
import {
  CHAINING_WORDS,
  CHUNK_END,
  CHUNK_START,
  COMPRESSED_BYTES,
  compress,
  IV,
  PARENT,
  ROOT,
} from './blake3-compress.ts'

export type ChainingValue = Uint32Array

const WORD_BYTES = 4
const BLOCK_WORDS = COMPRESSED_BYTES / WORD_BYTES
/** Where the words of what is compressed lie: input may begin at any byte, words may not. */
const room = new Uint32Array(SLICE_BYTES / WORD_BYTES)
const roomBytes = new Uint8Array(room.buffer)

/** The chaining value of one slice, at most SLICE_BYTES; `isRoot` if it is all there is: then it is the digest. */
export function sliceValue(slice: Uint8Array, index: number, isRoot: boolean): ChainingValue {
  roomBytes.set(slice)
  roomBytes.fill(0, slice.length)
  const value = IV.slice()
  const last = Math.max(0, Math.ceil(slice.length / COMPRESSED_BYTES) - 1)
  for (let block = 0; block <= last; block++) {
    const start = block === 0 ? CHUNK_START : 0
    const end = block === last ? CHUNK_END | (isRoot ? ROOT : 0) : 0
    const length = block === last ? slice.length - last * COMPRESSED_BYTES : COMPRESSED_BYTES
    compress(value, room, block * BLOCK_WORDS, index, length, start | end)
  }
  return value
}

/** The chaining value of what stands above these two; `isRoot` if that is everything: then it is the digest. */
export function parentValue(left: ChainingValue, right: ChainingValue, isRoot: boolean): ChainingValue {
  room.set(left)
  room.set(right, CHAINING_WORDS)
  const value = IV.slice()
  compress(value, room, 0, 0, COMPRESSED_BYTES, PARENT | (isRoot ? ROOT : 0))
  return value
}

/** The chaining value of a part of a block's tree that is not all of it: `slices` slices from number `first` on. */
export function partValue(block: Uint8Array, first: number, slices: number): ChainingValue {
  if (slices === 1) return sliceValue(block.subarray(first * SLICE_BYTES, (first + 1) * SLICE_BYTES), first, false)
  const left = leftSlicesOf(slices)
  return parentValue(partValue(block, first, left), partValue(block, first + left, slices - left), false)
}

/** The bytes of a chaining value: a view. */
export function bytesOfValue(value: ChainingValue): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/** The chaining value that has these 32 bytes: a copy. */
export function valueOfBytes(bytes: Uint8Array): ChainingValue {
  return new Uint32Array(Uint8Array.from(bytes).buffer)
}
