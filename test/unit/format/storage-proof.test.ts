import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import { leavesOf, type SliceTree, sliceCountOf, sliceTreeOf } from '../../../src/format/slice-tree.ts'
import {
  CHAINING_VALUE_BYTES,
  CHALLENGE_SLICES_MAX,
  decodeChallenge,
  decodeProof,
  encodeChallenge,
  encodeProof,
  lengthsOf,
  PROOF_BYTES_MAX,
  type StorageChallenge,
  treeOfChallenge,
} from '../../../src/format/storage-proof.ts'
import { anyBytes, anyCid, assertRefusesDamage } from './arbitraries.ts'
import { testVectors, type Vector } from './vectors.ts'

const treeOf = ({ challenge }: Vector) => treeOfChallenge(decodeChallenge(Buffer.from(challenge!, 'hex')))

testVectors('storage-proof', {
  challenge: { decode: decodeChallenge, encode: encodeChallenge },
  proof: {
    decode: (bytes, vector) => decodeProof(treeOf(vector), bytes),
    encode: (parts: Buffer[], vector) => encodeProof(treeOf(vector), parts),
  },
})

const anyChallenge: fc.Arbitrary<StorageChallenge> = fc
  .tuple(anyCid, fc.nat(BLOCK_BYTES_MAX), fc.array(fc.nat(), { minLength: 1, maxLength: CHALLENGE_SLICES_MAX }))
  .map(([cid, blockBytes, numbers]) => {
    const slices = new Set(numbers.map((number) => number % sliceCountOf(blockBytes)))
    return { cid, blockBytes, slices: [...slices].sort((a, b) => a - b) }
  })

function lengthOf(tree: SliceTree): number {
  return leavesOf(tree).reduce((sum, leaf) => sum + (leaf.kind === 'slice' ? leaf.bytes : CHAINING_VALUE_BYTES), 1)
}

test('storage challenge: any comes back, as long as it is said to be', () => {
  fc.assert(
    fc.property(anyChallenge, (one) => {
      const bytes = encodeChallenge(one)
      assert.deepEqual(decodeChallenge(bytes), one)
      const proofBytes = lengthOf(treeOfChallenge(one))
      assert.deepEqual(lengthsOf(one), { challengeBytes: bytes.length, proofBytes })
    }),
  )
})

test('storage challenge: damaged ones are refused or read, never worse', () => {
  assertRefusesDamage(anyChallenge.map(encodeChallenge), decodeChallenge)
})

test('storage proof: bytes of the one right length are read as its parts, others are refused', () => {
  const anyCase = fc.record({ challenge: anyChallenge, noise: anyBytes({ maxLength: 64 }) })
  fc.assert(
    fc.property(anyCase, ({ challenge, noise }) => {
      const tree = treeOfChallenge(challenge)
      const proof = Buffer.alloc(lengthOf(tree), noise.length > 0 ? noise : 0)
      proof[0] = 1
      const parts = decodeProof(tree, proof)
      assert.deepEqual(encodeProof(tree, parts), proof)
      for (const length of [0, 1, proof.length - 1, proof.length + 1, proof.length + CHAINING_VALUE_BYTES]) {
        if (length === proof.length) continue
        assert.throws(() => decodeProof(tree, Buffer.concat([proof], length)), /storage proof/)
      }
    }),
  )
})

test('storage proof: none is longer than the longest', () => {
  const spread = Array.from({ length: CHALLENGE_SLICES_MAX }, (_, i) => i * 16)
  assert.equal(lengthOf(sliceTreeOf(1024 * 1024, spread)), PROOF_BYTES_MAX)
  fc.assert(fc.property(anyChallenge, (challenge) => assert(lengthOf(treeOfChallenge(challenge)) <= PROOF_BYTES_MAX)))
  for (let blockBytes = 0; blockBytes <= BLOCK_BYTES_MAX; blockBytes += 32) {
    const count = sliceCountOf(blockBytes)
    const slices = spread.map((slice) => Math.floor((slice * count) / 1024))
    assert(lengthOf(sliceTreeOf(blockBytes, slices)) <= PROOF_BYTES_MAX)
  }
})
