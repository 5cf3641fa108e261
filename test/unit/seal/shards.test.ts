import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DfsError } from '../../../src/errors.ts'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import { decodeShard, encodeShard, type Redundancy, SHARD_HEAD_BYTES, type Shard } from '../../../src/format/shard.ts'
import { digestOf } from '../../../src/seal/hash.ts'
import { joinShards, splitBlock } from '../../../src/seal/shards.ts'
import { Random, seedFrom } from '../../support/random.ts'
import { readVectors } from '../format/vectors.ts'

const random = new Random(seedFrom('DFS_SEED'))
const FUZZ_COUNT = Number(process.env.DFS_FUZZ_COUNT ?? 3000)
const FOUR_TWO = { data: 4, parity: 2 }

const wantedOf = (block: Buffer) => ({ cid: cidOfDigest(digestOf(block)), sealedBytes: block.length })
const shardsOf = (block: Buffer, redundancy: Redundancy) => splitBlock(block, redundancy).map(({ bytes }) => bytes)

function changed(shard: Buffer, fields: Partial<Shard>): Buffer {
  return encodeShard({ ...decodeShard(shard), ...fields })
}

/** The same shard with one of its bytes (not of its head) changed. */
function spoilt(shard: Buffer, at = random.below(shard.length - SHARD_HEAD_BYTES)): Buffer {
  const copy = Buffer.from(shard)
  copy[SHARD_HEAD_BYTES + at]! ^= 1 + random.below(255)
  return copy
}

function someOf<T>(items: readonly T[], count: number): T[] {
  const left = [...items]
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)[0]!)
}

function assertJoins(block: Buffer, given: readonly Buffer[], bad: readonly number[]): void {
  const joined = joinShards(wantedOf(block), given)
  assert(joined.block.equals(block), `the block comes back (seed ${random.seed})`)
  assert.deepEqual(joined.bad, bad, `seed ${random.seed}`)
}

test('the shards of the test vectors give their block, any four of the six', () => {
  const block = Buffer.from(Array.from({ length: 18 }, (_, i) => i))
  const shards = shardsOf(block, FOUR_TWO)
  const vectors = readVectors('shard').valid.filter(({ name }) => name !== 'of a block of no bytes')
  assert.deepEqual(
    shards.map((shard) => shard.toString('hex')),
    vectors.map(({ hex }) => hex),
  )
  for (let one = 0; one < 6; one++) {
    for (let other = 0; other < one; other++) {
      const left = shards.filter((_, index) => index !== one && index !== other)
      assertJoins(block, left, [])
    }
  }
})

const anyRedundancy = fc.record({ data: fc.integer({ min: 2, max: 32 }), parity: fc.integer({ min: 1, max: 32 }) })

test('any k shards of a block of any length give it back, in any order', () => {
  const anyBlock = fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 5000, size: 'max' }))
  fc.assert(
    fc.property(anyBlock, anyRedundancy, (bytes, redundancy) => {
      const block = Buffer.from(bytes)
      const shards = shardsOf(block, redundancy)
      assert.equal(shards.length, redundancy.data + redundancy.parity)
      assertJoins(block, someOf(shards, redundancy.data), [])
      assertJoins(block, someOf(shards, shards.length), [])
    }),
  )
})

test('short blocks and the longest come back: no bytes, fewer than shards, one more and one less than a multiple', () => {
  for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, BLOCK_BYTES_MAX - 1, BLOCK_BYTES_MAX]) {
    const block = random.bytes(length)
    for (const redundancy of [{ data: 2, parity: 1 }, FOUR_TWO, { data: 5, parity: 3 }]) {
      const shards = shardsOf(block, redundancy)
      assertJoins(block, shards.slice(redundancy.parity), [])
      for (const shard of shards) assert(shard.length <= BLOCK_BYTES_MAX)
    }
  }
})

test('a shard is a block of its own, with its own CID, and the same block gives the same shards', () => {
  const block = random.bytes(1000)
  const shards = splitBlock(block, FOUR_TWO)
  for (const { cid, bytes } of shards) assert.equal(cid, cidOfDigest(digestOf(bytes)))
  assert.equal(new Set(shards.map(({ cid }) => cid)).size, 6)
  assert.deepEqual(splitBlock(Buffer.from(block), FOUR_TWO), shards)
})

test('one data shard, which would make copies, is refused', () => {
  assert.throws(() => splitBlock(random.bytes(10), { data: 1, parity: 2 }), { code: 'ERR_ASSERTION' })
})

test('what is bad is named, wherever and however many, as long as k good ones are there', () => {
  const block = random.bytes(4001)
  const shards = shardsOf(block, FOUR_TWO)
  for (let run = 0; run < 100; run++) {
    const bad = someOf([0, 1, 2, 3, 4, 5], 1 + random.below(2)).sort()
    const given = shards.map((shard, index) => (bad.includes(index) ? spoilt(shard) : shard))
    assertJoins(block, given, bad)
  }
})

test('a bad shard of a long code is found, whichever it is', () => {
  const block = random.bytes(500)
  const shards = shardsOf(block, { data: 20, parity: 10 })
  for (let bad = 0; bad < shards.length; bad++) {
    const given = shards.map((shard, index) => (index === bad ? spoilt(shard) : shard))
    assertJoins(block, given, [bad])
    const others = someOf(
      given.filter((_, index) => index !== bad),
      20,
    )
    assertJoins(block, [...others, given[bad]!], [20])
  }
})

test('a data shard whose padding is not zero is bad, though the block comes out right', () => {
  const block = random.bytes(5)
  const shards = shardsOf(block, FOUR_TWO)
  const padding = spoilt(shards[3]!, 1)
  assertJoins(block, [...shards.slice(0, 3), padding, shards[4]!], [3])
  assert.throws(() => joinShards(wantedOf(block), [...shards.slice(0, 3), padding]), { kind: 'corrupt' })
})

test('a shard given twice counts once', () => {
  const block = random.bytes(100)
  const shards = shardsOf(block, FOUR_TWO)
  assertJoins(block, [shards[5]!, shards[5]!, ...shards.slice(0, 3), shards[5]!], [])
  const few = [shards[0]!, shards[0]!, shards[0]!, shards[1]!, shards[2]!]
  assert.throws(() => joinShards(wantedOf(block), few), { kind: 'unreachable' })
})

test('of two shards with one number the false one is named', () => {
  const block = random.bytes(100)
  const shards = shardsOf(block, FOUR_TWO)
  assertJoins(block, [spoilt(shards[1]!), ...shards.slice(0, 4)], [0])
  assertJoins(block, [...shards.slice(0, 4), spoilt(shards[1]!)], [4])
  assertJoins(block, [shards[0]!, spoilt(shards[0]!), spoilt(shards[1]!), shards[1]!, ...shards.slice(4)], [1, 2])
})

test('shards of another block, other bytes and those of another length are named', () => {
  const [block, other] = [random.bytes(100), random.bytes(100)]
  const shards = shardsOf(block, FOUR_TWO)
  const others = shardsOf(other, FOUR_TWO)
  const longer = changed(shards[1]!, { blockBytes: 104, bytes: random.bytes(26) })
  const mixed = [others[0]!, shards[3]!, random.bytes(69), Buffer.alloc(0), longer, ...shards.slice(0, 3), block]
  assertJoins(block, mixed, [0, 2, 3, 4, 8])
  assert.throws(() => joinShards(wantedOf(block), others), { kind: 'unreachable' })
})

test('shards of one block by two redundancies do not mix, and neither is called bad', () => {
  const block = random.bytes(300)
  const [four, three] = [shardsOf(block, FOUR_TWO), shardsOf(block, { data: 3, parity: 2 })]
  assertJoins(block, [...four.slice(0, 3), ...three.slice(2)], [])
  assertJoins(block, [...four.slice(2), spoilt(three[0]!), three[4]!], [4])
  assert.throws(() => joinShards(wantedOf(block), [...four.slice(0, 3), ...three.slice(3)]), { kind: 'unreachable' })
})

test('a shard made with more parity is as good', () => {
  const block = random.bytes(300)
  const [some, more] = [shardsOf(block, FOUR_TWO), shardsOf(block, { data: 4, parity: 5 })]
  assertJoins(block, [some[0]!, more[4]!, more[8]!, some[5]!], [])
})

test('a shard of a later version is not used, and not called bad', () => {
  const block = random.bytes(300)
  const shards = shardsOf(block, FOUR_TWO)
  const later = Buffer.from(shards[0]!)
  later[4] = 2
  assertJoins(block, [later, ...shards.slice(2)], [])
  assert.throws(() => joinShards(wantedOf(block), [later, ...shards.slice(3)]), { kind: 'newer-version' })
})

test('too few shards, and shards that do not give the block, fail as such and name it', () => {
  const block = random.bytes(300)
  const shards = shardsOf(block, FOUR_TWO)
  const wanted = wantedOf(block)
  for (const few of [[], shards.slice(3)]) {
    assert.throws(() => joinShards(wanted, few), { kind: 'unreachable', subject: wanted.cid })
  }
  const lies = shards.map((shard, index) => (index < 3 ? spoilt(shard) : shard))
  assert.throws(() => joinShards(wanted, lies), { kind: 'corrupt', subject: wanted.cid })
})

test('very many shards that lie end in a refusal after a bounded number of tries', () => {
  const block = random.bytes(300)
  const lies = shardsOf(block, { data: 32, parity: 32 }).map((shard) => spoilt(shard))
  const same = Array.from({ length: 200 }, () => spoilt(lies[0]!))
  assert.throws(() => joinShards(wantedOf(block), [...lies, ...same]), { kind: 'corrupt' })
})

test(`${FUZZ_COUNT} times mutated shards give the block or an error, and only good ones are not named (seed ${random.seed})`, () => {
  const block = random.bytes(61)
  const shards = shardsOf(block, FOUR_TWO)
  for (let run = 0; run < FUZZ_COUNT; run++) {
    const given = someOf(shards, 4 + random.below(3)).map((shard) => (random.oneIn(3) ? mutate(shard) : shard))
    try {
      const joined = joinShards(wantedOf(block), given)
      assert(joined.block.equals(block))
      for (const [place, shard] of given.entries()) {
        if (shards.some((good) => good.equals(shard))) assert(!joined.bad.includes(place))
        else if (shard[4] === 1) assert(joined.bad.includes(place) || isOfSameBytes(shard, shards))
      }
    } catch (error) {
      assert(error instanceof DfsError, `${error} (seed ${random.seed})`)
      assert(given.filter((shard) => shards.some((good) => good.equals(shard))).length < 4, `seed ${random.seed}`)
    }
  }
})

/** Whether it differs from a good shard only in the number of parity shards, on which the bytes do not depend. */
function isOfSameBytes(shard: Buffer, shards: readonly Buffer[]): boolean {
  const same = changed(shard, { parity: 2 })
  return shards.some((good) => good.equals(same))
}

function mutate(shard: Buffer): Buffer {
  const bytes = Buffer.from(shard)
  const at = random.oneIn(2) ? random.below(12) : random.below(bytes.length)
  if (random.oneIn(8)) return bytes.subarray(0, at)
  if (random.oneIn(8)) return Buffer.concat([bytes, random.bytes(1 + random.below(9))])
  bytes[at] = random.oneIn(2) ? random.below(256) : bytes[at]! ^ (1 << random.below(8))
  return bytes
}
