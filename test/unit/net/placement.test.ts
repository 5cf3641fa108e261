import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Cid } from '../../../src/dfs.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import { countHolders } from '../../../src/net/holds/counting.ts'
import { type Candidate, chooseHolders, rankCandidates } from '../../../src/net/placement.ts'
import { digestOf } from '../../../src/seal/hash.ts'

const GIB = 1024 ** 3

const cids = Array.from({ length: 2000 }, (_, index): Cid => cidOfDigest(digestOf(Buffer.from(`block ${index}`))))
const equal = (count: number): Candidate[] =>
  Array.from({ length: count }, (_, index) => ({ device: `device ${index}`, freeBytes: GIB }))

/** `owners`: of the candidates in their order; undefined: no member. Owner 0 is one's own. */
function membersOf(owners: ReadonlyMap<string, number | undefined>) {
  return {
    self: 'self',
    ownerOf: (device: string) => {
      const owner = device === 'self' ? 0 : owners.get(device)
      return owner === undefined ? undefined : `owner ${owner}`
    },
  }
}

const network = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.nat(3), fc.integer({ min: 1, max: 2 ** 50 })), {
    maxLength: 8,
    selector: ([device]) => device,
  })
  .map((devices) => devices.filter(([device]) => device !== 'self'))
  .map((devices) => ({
    candidates: devices.map(([device, , freeBytes]): Candidate => ({ device, freeBytes })),
    members: membersOf(new Map(devices.map(([device, owner]) => [device, owner]))),
  }))
const anyCid = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((digest) => cidOfDigest(Buffer.from(digest)))

describe('the rank of candidates', () => {
  it('has each once, whatever order they are given in', () => {
    fc.assert(
      fc.property(anyCid, network, (cid, { candidates }) => {
        const ranked = rankCandidates(cid, candidates)
        assert.equal(new Set(ranked).size, candidates.length)
        assert.deepEqual(rankCandidates(cid, candidates.toReversed()), ranked)
      }),
    )
  })

  it('stays among the others when one comes or goes', () => {
    fc.assert(
      fc.property(anyCid, network, fc.nat(), (cid, { candidates }, which) => {
        const gone = candidates[which % Math.max(1, candidates.length)]
        const ranked = rankCandidates(cid, candidates).filter((candidate) => candidate !== gone)
        assert.deepEqual(
          rankCandidates(
            cid,
            candidates.filter((candidate) => candidate !== gone),
          ),
          ranked,
        )
      }),
    )
  })

  it('gives equal candidates equal shares, and moves the share of a new one only', () => {
    const firstOf = (candidates: Candidate[]) => cids.map((cid) => rankCandidates(cid, candidates)[0]!.device)
    const before = firstOf(equal(4))
    const after = firstOf(equal(5))
    const share = (devices: string[], device: string) => devices.filter((one) => one === device).length / cids.length
    for (const { device } of equal(4)) assert.ok(Math.abs(share(before, device) - 1 / 4) < 0.04, device)
    assert.ok(Math.abs(share(after, 'device 4') - 1 / 5) < 0.04)
    for (const [index, device] of after.entries()) assert.ok(device === 'device 4' || device === before[index])
  })

  it('gives by the space that is offered', () => {
    const candidates = [
      { device: 'large', freeBytes: 3 * GIB },
      { device: 'small', freeBytes: GIB },
    ]
    const large = cids.filter((cid) => rankCandidates(cid, candidates)[0]!.device === 'large').length
    assert.ok(Math.abs(large / cids.length - 2 / 3) < 0.04, String(large))
  })

  it('does not change with every block that is given', () => {
    const used = equal(4).map((candidate) => ({ ...candidate, freeBytes: GIB * 1.5 }))
    for (const cid of cids.slice(0, 100)) {
      assert.equal(rankCandidates(cid, equal(4))[0]!.device, rankCandidates(cid, used)[0]!.device)
    }
  })
})

describe('the choice of holders', () => {
  it('is as many as count, of distinct devices, none of which is there already', () => {
    fc.assert(
      fc.property(anyCid, network, fc.nat(4), fc.nat(), (cid, { candidates, members }, replicas, mask) => {
        const devices = candidates.map(({ device }) => device)
        const present = devices.filter((_, index) => (mask >> index) & 1)
        const chosen = chooseHolders(cid, candidates, { present, replicas, members }).map(({ device }) => device)
        const counted = (holders: string[]) => countHolders(holders, members)
        assert.equal(new Set([...present, ...chosen]).size, present.length + chosen.length)
        assert.equal(counted([...present, ...chosen]), counted(present) + chosen.length, 'each of them counts')
        assert.equal(counted([...present, ...chosen]), Math.max(counted(present), Math.min(replicas, counted(devices))))
      }),
    )
  })

  it('asks one device of a friend, and all own ones', () => {
    const owners = new Map([
      ['laptop', 0],
      ['desktop', 0],
      ["friend's 1", 1],
      ["friend's 2", 1],
    ])
    const candidates = [...owners.keys()].map((device) => ({ device, freeBytes: GIB }))
    for (const cid of cids.slice(0, 50)) {
      const options = { present: [], replicas: 4, members: membersOf(owners) }
      const chosen = chooseHolders(cid, candidates, options).map(({ device }) => device)
      assert.equal(chosen.length, 3)
      assert.equal(chosen.filter((device) => device.startsWith('friend')).length, 1)
    }
  })

  it('never chooses who is no member', () => {
    const options = { present: [], replicas: 2, members: membersOf(new Map([['stranger', undefined]])) }
    assert.deepEqual(chooseHolders(cids[0]!, [{ device: 'stranger', freeBytes: GIB }], options), [])
  })
})
