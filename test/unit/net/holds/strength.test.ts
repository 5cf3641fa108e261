import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Cid } from '../../../../src/dfs.ts'
import { countedAs } from '../../../../src/net/holds/counting.ts'
import type { HeldShard } from '../../../../src/net/holds/hold-service.ts'
import { spread, strengthOf } from '../../../../src/net/holds/strength.ts'

const OWNERS: Readonly<Record<string, string>> = { self: 'me', a: 'me', b: 'me', c: 'them', d: 'them', e: 'others' }
const MEMBERS = { self: 'self', ownerOf: (device: string) => OWNERS[device] }
const DEVICES = ['self', 'a', 'b', 'c', 'd', 'e', 'removed']

function shard(index: number, holders: readonly string[], data = 2, parity = 1): HeldShard {
  const cid = `shard ${index}` as Cid
  return { cid, bytes: 1, block: Buffer.alloc(32), data, parity, index, holders, leaving: [] }
}

/** The most shards with holders of which no two count as one, by trying all. */
function mostSpread(shards: readonly HeldShard[], taken: ReadonlySet<string> = new Set()): number {
  const [first, ...rest] = shards
  if (first === undefined) return 0
  const names = first.holders.map((holder) => countedAs(holder, MEMBERS))
  const able = names.filter((name) => name !== undefined && !taken.has(name)) as string[]
  return Math.max(mostSpread(rest, taken), ...able.map((name) => 1 + mostSpread(rest, new Set([...taken, name]))))
}

const anyShards = fc
  .array(fc.uniqueArray(fc.constantFrom(...DEVICES), { maxLength: 4 }), { maxLength: 6 })
  .map((holders) => holders.map((those, index) => shard(index, those)))

describe('what a block is worth on other devices', () => {
  it('finds as many shards with holders of their own as there can be', () => {
    fc.assert(
      fc.property(anyShards, (shards) => {
        const found = spread(shards, MEMBERS)
        assert.equal(found.size, mostSpread(shards))
        const names = [...found.values()].map((holder) => countedAs(holder, MEMBERS))
        assert.equal(new Set(names).size, found.size)
        for (const [index, holder] of found) assert(shards[index]!.holders.includes(holder))
      }),
    )
  })

  it('is one more than holders may be lost', () => {
    const [one, two, three] = [shard(0, ['a']), shard(1, ['b']), shard(2, ['c'])]
    assert.equal(strengthOf({ copies: [], shards: [] }, MEMBERS), 0)
    assert.equal(strengthOf({ copies: [], shards: [one] }, MEMBERS), 0)
    assert.equal(strengthOf({ copies: [], shards: [one, three] }, MEMBERS), 1)
    assert.equal(strengthOf({ copies: [], shards: [one, two, three] }, MEMBERS), 2)
    assert.equal(strengthOf({ copies: ['e'], shards: [one] }, MEMBERS), 1)
    assert.equal(strengthOf({ copies: ['a', 'b', 'c', 'd'], shards: [one, two, three] }, MEMBERS), 3)
  })

  it('counts one shard of all that devices of another owner hold', () => {
    assert.equal(strengthOf({ copies: [], shards: [shard(0, ['c']), shard(1, ['d'])] }, MEMBERS), 0)
    assert.equal(strengthOf({ copies: [], shards: [shard(0, ['c', 'a']), shard(1, ['d'])] }, MEMBERS), 1)
  })

  it('does not put together what was coded differently', () => {
    const shards = [shard(0, ['a']), shard(1, ['b'], 2, 2)]
    assert.equal(strengthOf({ copies: [], shards }, MEMBERS), 0)
  })
})
