import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Lenders } from '../../../../src/daemon/replication/lenders.ts'
import { Placer } from '../../../../src/daemon/replication/placing.ts'
import { countHolders } from '../../../../src/net/holds/counting.ts'
import { blockOf, blocksOf, FakeHolds, FakeMembers, NEVER } from './support.ts'

const OWN = { desktop: 'me', nas: 'me', friend: 'them', "friend's other": 'them' }

function setUp(owners: Readonly<Record<string, string>> = OWN, replicas = 2) {
  const members = new FakeMembers(owners)
  const holds = new FakeHolds(members)
  for (const device of members.others) holds.free.set(device, 1e9)
  const clock = { ms: 0 }
  const lenders = new Lenders({
    others: () => members.others,
    offerOf: (device) => holds.offerOf(device),
    nowMs: () => clock.ms,
  })
  const [paced, heldBytes, holders] = [[] as number[], [] as number[], new Set<string>()]
  const placer = new Placer({
    holds,
    lenders,
    members,
    replicas: () => replicas,
    pace: async (bytes) => void paced.push(bytes),
    onHeld: (bytes) => heldBytes.push(bytes),
    onHolder: (holder) => holders.add(holder),
  })
  return { members, holds, lenders, placer, paced, heldBytes, holders, clock }
}

describe('placing blocks', () => {
  it('gives each to as many devices as are wanted, spread over all, and asks each device once for all', async () => {
    const { holds, placer, paced, heldBytes, holders } = setUp()
    const blocks = blocksOf(200)
    assert.deepEqual(await placer.place(blocks, NEVER), { blocks: 0, bytes: 0 })
    for (const block of blocks) assert.equal(countHolders(holds.holdersOfBlock(block), holds.members), 2)
    assert.deepEqual([...holders].sort(), Object.keys(OWN).sort())
    assert.equal(holds.asked.length, 4)
    const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one)
    assert.equal(sum(paced), 400_000)
    assert.equal(sum(heldBytes), 400_000)
  })

  it('leaves alone what has its holders', async () => {
    const { holds, placer, holders } = setUp()
    const [done, half] = [blockOf(1), blockOf(2)]
    holds.ledger.set(done.cid, new Set(['desktop', 'friend']))
    holds.ledger.set(half.cid, new Set(['nas']))
    await placer.place([done, half, half], NEVER)
    assert.deepEqual(
      holds.asked.flatMap(({ cids }) => cids),
      [half.cid],
    )
    assert.deepEqual(holds.holdersOfBlock(done), ['desktop', 'friend'])
    assert.equal(holds.holdersOfBlock(half).length, 2)
    assert.ok(holders.has('nas'), 'who holds already is told of, too')
  })

  it('goes to the next device where one refuses, and says what found none', async () => {
    const { holds, placer } = setUp({ desktop: 'me', nas: 'me', tablet: 'me' })
    holds.answer = (holder) => (holder === 'nas' ? 'evicting' : undefined)
    const blocks = blocksOf(50)
    assert.deepEqual(await placer.place(blocks, NEVER), { blocks: 0, bytes: 0 })
    for (const block of blocks) assert.deepEqual(holds.holdersOfBlock(block), ['desktop', 'tablet'])
    holds.answer = (holder) => (holder === 'tablet' ? undefined : 'too-many')
    assert.deepEqual(await placer.place([blockOf(99, 7)], NEVER), { blocks: 1, bytes: 7 })
    assert.deepEqual(holds.holdersOfBlock(blockOf(99)), ['tablet'], 'one is better than none')
  })

  it('passes over a device that has no room or does not answer, until later', async () => {
    const { holds, placer, clock } = setUp({ desktop: 'me', nas: 'me', tablet: 'me' })
    holds.answer = (holder) => (holder === 'nas' ? 'unreachable' : undefined)
    await placer.place(blocksOf(50), NEVER)
    holds.answer = undefined
    holds.asked.length = 0
    await placer.place(
      blocksOf(100).map((_, seed) => blockOf(1000 + seed)),
      NEVER,
    )
    assert.ok(holds.asked.every(({ holder }) => holder !== 'nas'))
    clock.ms += 10_000
    // Asked beside the work while others have space: what follows goes there again.
    await placer.place([blockOf(1999)], NEVER)
    await placer.place(
      blocksOf(100).map((_, seed) => blockOf(2000 + seed)),
      NEVER,
    )
    assert.ok(holds.asked.some(({ holder }) => holder === 'nas'))
  })

  it('never asks a device for more than it offers', async () => {
    const { holds, placer } = setUp({ desktop: 'me', nas: 'me' }, 1)
    holds.free.set('desktop', 10_000)
    holds.free.set('nas', 5_500)
    const left = await placer.place(blocksOf(40), NEVER)
    assert.deepEqual(left, { blocks: 25, bytes: 25_000 })
    assert.deepEqual([holds.free.get('desktop'), holds.free.get('nas')], [0, 500])
    assert.equal(holds.asked.flatMap(({ cids }) => cids).length, 15)
  })

  it('places whatever can be placed, whoever refuses what', () =>
    fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('me', 'them', 'others')),
        fc.nat(3),
        fc.array(fc.tuple(fc.nat(9), fc.constantFrom('a', 'b', 'c', 'd', 'e')), { maxLength: 20 }),
        async (owners, replicas, refusals) => {
          const { holds, members, placer } = setUp(owners, replicas)
          const blocks = blocksOf(10)
          const refuses = (holder: string, seed: number) => refusals.some(([at, who]) => at === seed && who === holder)
          holds.answer = (holder, { cid }) =>
            refuses(
              holder,
              blocks.findIndex((block) => block.cid === cid),
            )
              ? 'evicting'
              : undefined
          const left = await placer.place(blocks, NEVER)
          let missing = 0
          for (const [seed, block] of blocks.entries()) {
            const able = members.others.filter((holder) => !refuses(holder, seed))
            const counted = countHolders(holds.holdersOfBlock(block), members)
            assert.equal(counted, Math.min(replicas, countHolders(able, members)))
            if (counted < replicas) missing++
          }
          assert.equal(left.blocks, missing)
        },
      ),
      { numRuns: 50 },
    ))

  it('ends when it is told to', async () => {
    const { holds, placer } = setUp()
    const stopping = new AbortController()
    holds.gate = Promise.resolve().then(() => stopping.abort(new Error('stop')))
    await assert.rejects(placer.place(blocksOf(3), stopping.signal), /stop/)
  })
})

describe('who lends', () => {
  it('is asked once a minute, and longer apart where there is nothing to be had', async () => {
    const { holds, lenders, clock } = setUp({ desktop: 'me', nas: 'me' })
    const asked: [string, number][] = []
    const offerOf = holds.offerOf.bind(holds)
    holds.offerOf = (device) => {
      asked.push([device, clock.ms])
      return offerOf(device)
    }
    holds.free.set('nas', 0)
    for (; clock.ms <= 120_000; clock.ms += 1000) {
      await lenders.candidates(NEVER)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const times = (device: string) => asked.filter(([one]) => one === device).map(([, ms]) => ms / 1000)
    assert.deepEqual(times('desktop'), [0, 60, 120])
    assert.deepEqual(times('nas'), [0, 5, 15, 35, 75])
    lenders.refresh('nas')
    await lenders.candidates(NEVER)
    assert.equal(times('nas').at(-1), clock.ms / 1000)
  })

  it('is waited for only while nobody is known to have space', async () => {
    const { holds, lenders, clock } = setUp({ desktop: 'me', nas: 'me' })
    const asking = Promise.withResolvers<undefined>()
    const offerOf = holds.offerOf.bind(holds)
    holds.offerOf = (device) => (device === 'nas' && clock.ms > 0 ? asking.promise : offerOf(device))
    const devices = async () => (await lenders.candidates(NEVER)).map(({ device }) => device)
    assert.deepEqual(await devices(), ['desktop', 'nas'])
    clock.ms = 60_000
    assert.deepEqual(await devices(), ['desktop', 'nas'], 'what it said last stands until it says something else')
    asking.resolve(undefined)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(await devices(), ['desktop'])
  })

  it('is forgotten with the membership', async () => {
    const { members, lenders } = setUp({ desktop: 'me', nas: 'me' })
    await lenders.candidates(NEVER)
    members.owners.delete('nas')
    assert.deepEqual(
      (await lenders.candidates(NEVER)).map(({ device }) => device),
      ['desktop'],
    )
  })
})
