import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import {
  DATA_SHARDS_MAX,
  DATA_SHARDS_MIN,
  decodeShard,
  encodeShard,
  isRedundancy,
  PARITY_SHARDS_MAX,
  SHARD_HEAD_BYTES,
  type Shard,
  shardBytes,
} from '../../../src/format/shard.ts'
import { anyBytes, anyCid, assertRefusesDamage } from './arbitraries.ts'
import { testVectors } from './vectors.ts'

testVectors('shard', { shard: { decode: decodeShard, encode: encodeShard } })

const anyShard: fc.Arbitrary<Shard> = fc
  .tuple(
    fc.integer({ min: DATA_SHARDS_MIN, max: DATA_SHARDS_MAX }),
    fc.integer({ min: 1, max: PARITY_SHARDS_MAX }),
    fc.nat(2000),
    anyCid,
  )
  .chain(([data, parity, blockBytes, cid]) =>
    fc.tuple(fc.nat(data + parity - 1), anyBytes(shardBytes(blockBytes, data))).map(([index, bytes]) => {
      return { data, parity, index, cid, blockBytes, bytes }
    }),
  )

test('shard: any comes back', () => {
  fc.assert(fc.property(anyShard, (shard) => assert.deepEqual(decodeShard(encodeShard(shard)), shard)))
})

test('shard: damaged ones are refused or read, never worse', () => {
  assertRefusesDamage(anyShard.map(encodeShard), decodeShard)
})

test('shard: none is longer than the longest block', () => {
  assert(SHARD_HEAD_BYTES + shardBytes(BLOCK_BYTES_MAX, DATA_SHARDS_MIN) <= BLOCK_BYTES_MAX)
})

test('shard: a redundancy has two data shards and one parity shard at least, and not too many', () => {
  const may = (data: number, parity: number) => isRedundancy({ data, parity })
  assert(may(2, 1) && may(4, 2) && may(32, 32))
  assert(!may(1, 2) && !may(0, 2) && !may(4, 0) && !may(33, 1) && !may(4, 33) && !may(2.5, 1) && !may(4, Number.NaN))
})
