/**
 * Proofs that somebody can read a block right now: random slices of it that lead up BLAKE3's tree to its CID. Nothing
 * is kept for them on disk; whoever checks one needs the block's CID and length, and not the block.
 *
 * A proof shows access and not storage: it does not say where the block was read from.
 */
import { DfsError } from '../errors.ts'
import { digestOfCid } from '../format/cid.ts'
import { leavesOf, SLICE_BYTES, type SliceTree } from '../format/slice-tree.ts'
import { decodeProof, encodeProof, type StorageChallenge, treeOfChallenge } from '../format/storage-proof.ts'
import { bytesOfValue, type ChainingValue, parentValue, partValue, sliceValue, valueOfBytes } from './blake3-tree.ts'

/**
 * Answers a challenge from the block's bytes. Fails with `corrupt` if they are not those that the CID names or not as
 * many as the challenge says: all of them are hashed, so damage is found wherever it is.
 */
export function makeProof(challenge: StorageChallenge, block: Buffer): Buffer {
  if (block.length !== challenge.blockBytes) throw refusal('the block has another length', challenge)
  const tree = treeOfChallenge(challenge)
  const parts = leavesOf(tree).map((leaf) =>
    leaf.kind === 'slice'
      ? block.subarray(leaf.index * SLICE_BYTES, leaf.index * SLICE_BYTES + leaf.bytes)
      : bytesOfValue(partValue(block, leaf.first, leaf.slices)),
  )
  if (!leadsTo(challenge, tree, parts)) throw refusal('the block is damaged', challenge)
  return encodeProof(tree, parts)
}

/**
 * Checks a proof from anywhere against the challenge that was sent; returns if it holds, which it does only if its
 * slices are those of the block and the block is as long as the challenge says. Fails with `corrupt` if it does not,
 * with `newer-version` if a later dfs wrote it.
 */
export function checkProof(challenge: StorageChallenge, proof: Buffer): void {
  const tree = treeOfChallenge(challenge)
  if (!leadsTo(challenge, tree, decodeProof(tree, proof))) throw refusal('the proof does not hold', challenge)
}

function leadsTo({ cid }: StorageChallenge, tree: SliceTree, parts: readonly Buffer[]): boolean {
  const left = parts.values()
  return bytesOfValue(treeValue(tree, left, true)).equals(digestOfCid(cid))
}

/** The chaining value of a tree; takes what its leaves have, from the left to the right, out of `parts`. */
function treeValue(tree: SliceTree, parts: Iterator<Buffer, undefined>, isRoot: boolean): ChainingValue {
  if (tree.kind === 'parent') {
    const left = treeValue(tree.left, parts, false)
    return parentValue(left, treeValue(tree.right, parts, false), isRoot)
  }
  const part = parts.next().value!
  return tree.kind === 'slice' ? sliceValue(part, tree.index, isRoot) : valueOfBytes(part)
}

function refusal(why: string, { cid }: StorageChallenge): DfsError {
  return new DfsError('corrupt', why, { op: 'prove storage', subject: cid })
}
