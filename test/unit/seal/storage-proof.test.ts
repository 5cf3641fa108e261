import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import { leavesOf, SLICE_BYTES, sliceCountOf } from '../../../src/format/slice-tree.ts'
import {
  decodeChallenge,
  encodeProof,
  PROOF_BYTES_MAX,
  type StorageChallenge,
  treeOfChallenge,
} from '../../../src/format/storage-proof.ts'
import { bytesOfValue, partValue } from '../../../src/seal/blake3-tree.ts'
import { digestOf } from '../../../src/seal/hash.ts'
import { checkProof, makeProof } from '../../../src/seal/storage-proof.ts'
import { Random, seedFrom } from '../../support/random.ts'
import { readVectors } from '../format/vectors.ts'

const random = new Random(seedFrom('DFS_SEED'))
const FUZZ_COUNT = Number(process.env.DFS_FUZZ_COUNT ?? 5000)

/** 0, 1, powers of two with their neighbours, and what lies around slices. */
const LENGTHS = [
  ...new Set([
    ...Array.from({ length: 21 }, (_, exponent) => 2 ** exponent).flatMap((power) => [power - 1, power, power + 1]),
    ...[3, 5, 6, 7, 9].flatMap((slices) => [-1, 0, 1].map((rest) => slices * SLICE_BYTES + rest)),
    BLOCK_BYTES_MAX,
  ]),
]

function challengeFor(block: Buffer, slices: readonly number[]): StorageChallenge {
  return { cid: cidOfDigest(digestOf(block)), blockBytes: block.length, slices }
}

/** Up to `most` slices of a block, rising. */
function someSlices(blockBytes: number, most: number): number[] {
  const count = sliceCountOf(blockBytes)
  const picked = new Set(Array.from({ length: 1 + random.below(most) }, () => random.below(count)))
  return [...picked].sort((a, b) => a - b)
}

/** What somebody would send who has other bytes than those of the challenge: each part as these bytes give it. */
function forge(challenge: StorageChallenge, bytes: Buffer): Buffer {
  const tree = treeOfChallenge(challenge)
  const parts = leavesOf(tree).map((leaf) =>
    leaf.kind === 'slice'
      ? bytes.subarray(leaf.index * SLICE_BYTES, leaf.index * SLICE_BYTES + leaf.bytes)
      : bytesOfValue(partValue(bytes, leaf.first, leaf.slices)),
  )
  return encodeProof(tree, parts)
}

function assertRefused(challenge: StorageChallenge, proof: Buffer, how: string): void {
  assert.throws(() => checkProof(challenge, proof), { kind: 'corrupt' }, `${how} (seed ${random.seed})`)
}

test(`a proof holds, whatever the length of the block and the slices (seed ${random.seed})`, () => {
  for (const length of [...LENGTHS, ...Array.from({ length: 30 }, () => random.below(100_000))]) {
    const block = random.bytes(length)
    for (const slices of [[0], [sliceCountOf(length) - 1], someSlices(length, 3), someSlices(length, 64)]) {
      const challenge = challengeFor(block, slices)
      const proof = makeProof(challenge, block)
      assert(proof.length <= PROOF_BYTES_MAX)
      checkProof(challenge, proof)
    }
  }
})

test('every slice of a block can be shown', () => {
  for (const slices of [1, 2, 3, 6, 17]) {
    const block = random.bytes(slices * SLICE_BYTES - 5)
    for (let slice = 0; slice < slices; slice++) {
      const challenge = challengeFor(block, [slice])
      checkProof(challenge, makeProof(challenge, block))
    }
  }
})

test('the proofs of the test vectors hold', () => {
  for (const { what, challenge, hex } of readVectors('storage-proof').valid) {
    if (what === 'proof') checkProof(decodeChallenge(Buffer.from(challenge!, 'hex')), Buffer.from(hex!, 'hex'))
  }
})

test('a proof of some slices is none of others, also where slices are equal', () => {
  for (const block of [random.bytes(8 * SLICE_BYTES), Buffer.alloc(8 * SLICE_BYTES), Buffer.alloc(5 * SLICE_BYTES)]) {
    const last = sliceCountOf(block.length) - 1
    for (let slice = 0; slice < last; slice++) {
      const proof = makeProof(challengeFor(block, [slice]), block)
      for (let other = 0; other <= last; other++) {
        const challenge = challengeFor(block, [other])
        if (other === slice) checkProof(challenge, proof)
        else assertRefused(challenge, proof, `slice ${slice} for ${other}`)
      }
    }
  }
})

test('a proof of a block is none of a block of another length', () => {
  for (const length of [0, 1, 40, 1023, 1024, 1025, 2048, 3100, 4096, 4097, 9 * SLICE_BYTES]) {
    const block = random.bytes(length)
    const challenge = challengeFor(block, [0])
    const proof = makeProof(challenge, block)
    const others = [0, 1, length - 1, length + 1, length - SLICE_BYTES, length + SLICE_BYTES, 2 * length, length >> 1]
    for (const blockBytes of others.filter((other) => other >= 0 && other !== length)) {
      const other = { ...challenge, blockBytes }
      assertRefused(other, proof, `${length} for ${blockBytes}`)
      assertRefused(other, forge(other, Buffer.concat([block], blockBytes)), `${length} made ${blockBytes}`)
    }
  }
})

test('a proof from other bytes is refused, wherever they differ', () => {
  const length = 5 * SLICE_BYTES + 100
  const block = random.bytes(length)
  for (let run = 0; run < 300; run++) {
    const other = Buffer.from(block)
    other[random.below(length)]! ^= 1 << random.below(8)
    const challenge = challengeFor(block, someSlices(length, 3))
    assertRefused(challenge, forge(challenge, other), 'a flipped bit')
    assert.throws(() => makeProof(challenge, other), { kind: 'corrupt', subject: challenge.cid })
  }
})

test('whoever has only the slices and not the rest cannot prove them', () => {
  const block = random.bytes(4 * SLICE_BYTES)
  const challenge = challengeFor(block, [1])
  const tree = treeOfChallenge(challenge)
  const guessed = leavesOf(tree).map((leaf) =>
    leaf.kind === 'slice' ? block.subarray(leaf.index * SLICE_BYTES, (leaf.index + 1) * SLICE_BYTES) : random.bytes(32),
  )
  assertRefused(challenge, encodeProof(tree, guessed), 'guessed values')
})

test('the owner of damaged bytes, or of too few or too many, is told so', () => {
  const block = random.bytes(3000)
  const challenge = challengeFor(block, [0])
  for (const length of [0, 2999, 3001]) {
    assert.throws(() => makeProof(challenge, Buffer.concat([block], length)), { kind: 'corrupt' })
  }
})

test('a proof of a later version is refused as such', () => {
  const block = random.bytes(100)
  const proof = makeProof(challengeFor(block, [0]), block)
  proof[0] = 2
  assert.throws(() => checkProof(challengeFor(block, [0]), proof), { kind: 'newer-version' })
})

test('making and checking leave the bytes as they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000, size: 'max' }), (bytes) => {
      const block = Buffer.from(bytes)
      const challenge = challengeFor(block, [0])
      const proof = makeProof(challenge, block)
      const before = Buffer.from(proof)
      checkProof(challenge, proof)
      assert(proof.equals(before) && block.equals(bytes))
    }),
  )
})

test(`${FUZZ_COUNT} mutated proofs never hold (seed ${random.seed})`, () => {
  const cases = [0, 1, 700, 1024, 1025, 2500, 4096, 5 * SLICE_BYTES + 1, 40_000].map((length) => {
    const block = random.bytes(length)
    const challenge = challengeFor(block, someSlices(length, 3))
    return { challenge, proof: makeProof(challenge, block) }
  })
  for (let run = 0; run < FUZZ_COUNT; run++) {
    const { challenge, proof } = random.pick(cases)
    const mutated = mutate(proof)
    if (mutated.equals(proof)) continue
    assert.throws(
      () => checkProof(challenge, mutated),
      ({ kind }: { kind: unknown }) => kind === 'corrupt' || (kind === 'newer-version' && mutated[0]! > 1),
      `${mutated.toString('hex')} (seed ${random.seed})`,
    )
  }
})

function mutate(proof: Buffer): Buffer {
  const bytes = Buffer.from(proof)
  const [at, other] = [random.below(bytes.length), random.below(bytes.length)]
  const change = random.weighted({ flip: 6, set: 3, zero: 1, swap: 2, copy: 2, cut: 1, grow: 1, drop: 1 })
  switch (change) {
    case 'flip':
      bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 'set':
      bytes[at] = random.below(256)
      return bytes
    case 'zero':
      return bytes.fill(0, at)
    case 'swap':
      ;[bytes[at], bytes[other]] = [bytes[other]!, bytes[at]!]
      return bytes
    case 'copy':
      bytes.copyWithin(at, other, other + 32)
      return bytes
    case 'cut':
      return bytes.subarray(0, at)
    case 'grow':
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(40)), bytes.subarray(at)])
    case 'drop':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 32)])
  }
}
