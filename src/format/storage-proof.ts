/**
 * A challenge to show slices of a block, and the proof that answers it: the slices, and the chaining values of BLAKE3's
 * tree that stand for everything else. FORMAT.md §15 has the byte tables.
 *
 * A proof says nothing about itself: the challenge says which parts it has and how long each is, so that a proof has
 * one length and any bytes of that length are read. Whether they are of the block is for `seal/storage-proof` to say.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { Cid } from '../dfs.ts'
import { BLOCK_BYTES_MAX } from './block.ts'
import { cidOfDigest, DIGEST_BYTES, digestOfCid } from './cid.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'
import { leavesOf, type SliceTree, sliceCountOf, sliceTreeOf } from './slice-tree.ts'

/** Which slices of which block are to be shown. */
export interface StorageChallenge {
  readonly cid: Cid
  /** Length of the block, known to whoever asks. */
  readonly blockBytes: number
  /** Numbers of slices, rising, 1 to CHALLENGE_SLICES_MAX of them. The last slice is shown whether it is here or not. */
  readonly slices: readonly number[]
}

export const CHALLENGE_SLICES_MAX = 64
export const CHAINING_VALUE_BYTES = 32
/** Length of the longest proof: as many slices as can be asked for and the last, spread over 1,024, and 258 chaining values. */
export const PROOF_BYTES_MAX = 74_817

const VERSION = 1
const VERSION_BYTES = 1

export function encodeChallenge(challenge: StorageChallenge): Buffer {
  const writer = new Writer()
  writeChallenge(writer, challenge)
  return writer.finish()
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeChallenge(bytes: Buffer): StorageChallenge {
  const reader = new Reader(bytes)
  const challenge = readChallenge(reader)
  reader.end()
  return challenge
}

/** Among others: what it takes says where it ends. */
export function writeChallenge(writer: Writer, { cid, blockBytes, slices }: StorageChallenge): void {
  assert(blockBytes <= BLOCK_BYTES_MAX && slices.length > 0 && slices.length <= CHALLENGE_SLICES_MAX)
  writer.u8(VERSION).bytes(digestOfCid(cid)).u32(blockBytes).u8(slices.length)
  for (const slice of slices) writer.u16(slice)
}

/** Fails with `corrupt`, `newer-version`. */
export function readChallenge(reader: Reader): StorageChallenge {
  requireVersion('storage challenge', reader.u8(), VERSION)
  const cid = cidOfDigest(reader.bytes(DIGEST_BYTES))
  const blockBytes = reader.u32()
  requireRule(blockBytes <= BLOCK_BYTES_MAX, 'storage challenge: impossible block length')
  const count = reader.u8()
  requireRule(count > 0 && count <= CHALLENGE_SLICES_MAX, 'storage challenge: impossible count')
  const slices = Array.from({ length: count }, () => reader.u16())
  const rising = slices.every((slice, at) => at === 0 || slice > slices[at - 1]!)
  requireRule(rising && slices.at(-1)! < sliceCountOf(blockBytes), 'storage challenge: impossible slices')
  return { cid, blockBytes, slices }
}

/** Lengths of a challenge and of the proof that answers it: what it costs to ask. */
export function lengthsOf(challenge: StorageChallenge): { challengeBytes: number; proofBytes: number } {
  const parts = partLengths(treeOfChallenge(challenge))
  return {
    challengeBytes: VERSION_BYTES + DIGEST_BYTES + 4 + 1 + 2 * challenge.slices.length,
    proofBytes: parts.reduce((sum, length) => sum + length, VERSION_BYTES),
  }
}

/** The tree that says which parts a proof has. */
export function treeOfChallenge({ blockBytes, slices }: StorageChallenge): SliceTree {
  return sliceTreeOf(blockBytes, slices)
}

/** `parts`: for each leaf of the tree the slice's bytes, or the chaining value of the rest. */
export function encodeProof(tree: SliceTree, parts: readonly Uint8Array[]): Buffer {
  const lengths = partLengths(tree)
  assert(lengths.length === parts.length && parts.every((part, at) => part.length === lengths[at]))
  return Buffer.concat([Buffer.of(VERSION), ...parts])
}

/** The parts of a proof for the challenge that this tree is of: views, not copies. Fails with `corrupt`, `newer-version`. */
export function decodeProof(tree: SliceTree, bytes: Buffer): Buffer[] {
  if (bytes.length === 0) throw corrupt('storage proof: empty')
  requireVersion('storage proof', bytes[0]!, VERSION)
  const lengths = partLengths(tree)
  const expected = lengths.reduce((sum, length) => sum + length, VERSION_BYTES)
  requireRule(bytes.length === expected, 'storage proof: wrong length')
  const reader = new Reader(bytes.subarray(VERSION_BYTES))
  return lengths.map((length) => reader.bytes(length))
}

function partLengths(tree: SliceTree): number[] {
  return leavesOf(tree).map((leaf) => (leaf.kind === 'slice' ? leaf.bytes : CHAINING_VALUE_BYTES))
}
