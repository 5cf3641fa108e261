import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { SharedSlots } from '../../../../src/bytes/shared-slots.ts'
import type { BlockName, BlockSource, Cid, FetchOptions } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import { cidOfDigest, digestOfCid } from '../../../../src/format/cid.ts'
import type { KeptShard } from '../../../../src/format/kept-shards.ts'
import { JoinedSource } from '../../../../src/net/exchange/joined-source.ts'
import type { HeldShard } from '../../../../src/net/holds/hold-service.ts'
import { digestOf } from '../../../../src/seal/hash.ts'
import { joinShards, splitBlock } from '../../../../src/seal/shards.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const BYTES = 10_001
const REDUNDANCY = { data: 4, parity: 2 }

type Answer = 'gives' | 'lacks' | 'silent'

/** A block, its shards, and others who have them: each gives its own as the test says; a part at a time. */
function setUp() {
  const block = randomBytes(BYTES)
  const ref: BlockName = { cid: cidOfDigest(digestOf(block)), sealedBytes: BYTES }
  const shards = splitBlock(block, REDUNDANCY)
  const given = new Map<Cid, Buffer>([[ref.cid, block], ...shards.map(({ cid, bytes }) => [cid, bytes] as const)])
  const answers = new Map<Cid, Answer>([[ref.cid, 'lacks']])
  const asked: { cid: Cid; first: FetchOptions['first'] }[] = []
  const clock = new VirtualClock({ isPatient: true })
  const memory = new SharedSlots({ bytes: [16_384], count: 2 })
  const source: BlockSource & { memory: SharedSlots } = {
    memory,
    fetch: ({ cid }, { signal, first, onPart } = {}) => {
      asked.push({ cid, first })
      const answer = answers.get(cid) ?? 'gives'
      const result = Promise.withResolvers<Buffer>()
      result.promise.catch(() => {})
      signal?.addEventListener('abort', () => {
        unanswered.delete(cid)
        result.reject(new DfsError('aborted', 'given up'))
      })
      if (answer === 'silent') unanswered.add(cid)
      const bytes = given.get(cid)
      if (answer === 'lacks' || bytes === undefined) result.reject(new DfsError('unreachable', 'nobody has it'))
      else if (answer === 'gives') {
        setImmediate(() => {
          onPart?.(bytes, 0, bytes.length >> 1)
          onPart?.(bytes, bytes.length >> 1, bytes.length)
          result.resolve(bytes)
        })
      }
      return { block: result.promise, prefer: () => {}, release: () => {} }
    },
  }
  const kept = (index: number, bytes = shards[index]!.bytes): KeptShard => ({
    ...REDUNDANCY,
    block: digestOfCid(ref.cid),
    index,
    digest: digestOf(bytes),
  })
  const all = shards.map((_, index) => kept(index))
  const known: HeldShard[] = []
  const away = new Set<string>()
  const unanswered = new Set<Cid>()
  let found: KeptShard[] = []
  const joined = new JoinedSource({
    source,
    shards: {
      of: async (cids) => cids.map(() => known),
      find: async () => found,
      isConnected: (device) => !away.has(device),
    },
    readHere: () => undefined,
    join: async (name, those, into) => void joinShards(name, those).block.copy(into),
    clock,
  })
  const placeAll = () => {
    for (const one of all)
      known.push({ ...one, cid: cidOfDigest(one.digest), bytes: 1, holders: [`holder ${one.index}`], leaving: [] })
  }
  return {
    ref,
    block,
    clock,
    memory,
    joined,
    given,
    asked,
    kept,
    known,
    away,
    unanswered,
    placeAll,
    shards,
    answer: (index: number, how: Answer) => answers.set(shards[index]!.cid, how),
    whole: (how: Answer) => answers.set(ref.cid, how),
    find: (those: readonly KeptShard[]) => {
      found = [...those]
    },
    /** Fetches the block; what came of it is the block's bytes, and its memory is free again. */
    fetch: async (options: FetchOptions = {}) => {
      const fetching = joined.fetch(ref, options)
      try {
        return Buffer.from(await clock.run(fetching.block))
      } finally {
        fetching.release()
      }
    },
    indexesAsked: () => asked.map(({ cid }) => shards.findIndex((shard) => shard.cid === cid)),
  }
}

describe('a block from others, whole or in shards', () => {
  it('comes whole, and no shard is asked for', async () => {
    const { fetch, whole, block, asked } = setUp()
    whole('gives')
    assert((await fetch()).equals(block))
    assert.equal(asked.length, 1)
  })

  it('is put together of those of its shards that are its bytes, where it was placed in shards', async () => {
    const { fetch, placeAll, block, indexesAsked } = setUp()
    placeAll()
    assert((await fetch()).equals(block))
    assert.deepEqual(indexesAsked(), [0, 1, 2, 3])
  })

  it('gives parts at their places, from whoever has them, and asks for those first that are waited for', async () => {
    const { fetch, placeAll, block, asked } = setUp()
    placeAll()
    const seen = Buffer.alloc(BYTES)
    await fetch({
      first: { from: 2_600, to: 2_700 },
      onPart: (bytes, from, to) => void bytes.copy(seen, from, from, to),
    })
    assert(seen.equals(block))
    assert.deepEqual(
      asked.map(({ first }) => first),
      [
        { from: 0, to: 1 },
        { from: 44 + 99, to: 44 + 199 },
        { from: 0, to: 1 },
        { from: 0, to: 1 },
      ],
    )
  })

  it('is not looked for in what this device keeps for others', async () => {
    const { fetch, placeAll, known, kept, shards, block, indexesAsked } = setUp()
    placeAll()
    for (let index = 0; index < 9; index++) {
      const forged = { ...kept(0), data: 8, parity: 8, index, cid: shards[0]!.cid, bytes: 1, holders: [], leaving: [] }
      known.push(forged)
    }
    assert((await fetch()).equals(block))
    assert.deepEqual(indexesAsked(), [0, 1, 2, 3])
  })

  for (const how of ['lacks', 'silent'] as const) {
    it(`takes other shards for two whose holder ${how === 'lacks' ? 'has them no more' : 'is silent'}`, async () => {
      const { fetch, placeAll, block, answer, indexesAsked } = setUp()
      placeAll()
      answer(0, how)
      answer(3, how)
      assert((await fetch()).equals(block))
      assert.deepEqual(indexesAsked(), [0, 1, 2, 3, 4, 5])
    })
  }

  it('is asked of those who are connected, before others', async () => {
    const { fetch, placeAll, block, away, indexesAsked } = setUp()
    placeAll()
    away.add('holder 0').add('holder 2')
    assert((await fetch()).equals(block))
    assert.deepEqual(indexesAsked(), [1, 3, 4, 5])
  })

  it('does not go on asking who is silent, as long as there are others', async () => {
    const { joined, ref, placeAll, answer, clock, unanswered, shards, indexesAsked } = setUp()
    placeAll()
    for (const index of [0, 2, 5]) answer(index, 'silent')
    const fetching = joined.fetch(ref)
    await clock.sleep(1_500)
    assert.deepEqual([...unanswered], [shards[5]!.cid], 'the others are put off')
    await clock.sleep(1_000)
    assert.deepEqual(indexesAsked(), [0, 1, 2, 3, 4, 5, 0])
    fetching.release()
  })

  it('is looked for whole where too few of its shards are had', async () => {
    const { fetch, placeAll, block, answer, whole } = setUp()
    placeAll()
    for (const index of [0, 1, 2]) answer(index, 'lacks')
    whole('gives')
    assert((await fetch()).equals(block))
  })

  it('is put together of what members say they keep, if it does not come', async () => {
    for (const how of ['lacks', 'silent'] as const) {
      const { fetch, whole, find, kept, block } = setUp()
      whole(how)
      find([5, 2, 0, 4].map((index) => kept(index)))
      assert((await fetch()).equals(block), how)
    }
  })

  it('is found among shards that are none', async () => {
    const { fetch, find, kept, given, shards, block } = setUp()
    const forged = [1, 4].map((index) => {
      const bytes = Buffer.from(shards[index]!.bytes)
      bytes[60]! ^= 1
      given.set(cidOfDigest(digestOf(bytes)), bytes)
      return kept(index, bytes)
    })
    find([...forged, ...[0, 2, 3, 5].map((index) => kept(index))])
    assert((await fetch()).equals(block))
  })

  it('is not given if what is had is another block', async () => {
    const { fetch, find, kept, given } = setUp()
    const forged = splitBlock(randomBytes(BYTES), REDUNDANCY).map(({ bytes }, index) => {
      given.set(cidOfDigest(digestOf(bytes)), bytes)
      return kept(index, bytes)
    })
    find(forged)
    await assert.rejects(fetch(), { kind: 'unreachable' })
  })

  it('fails as nobody has it, where there are no shards', async () => {
    const { fetch } = setUp()
    await assert.rejects(fetch(), { kind: 'unreachable', message: 'nobody has it' })
  })

  it('is given up when it is not wanted any more, and its memory is free', async () => {
    const { fetch, placeAll, answer, clock, memory } = setUp()
    placeAll()
    for (let index = 0; index < 6; index++) answer(index, 'silent')
    const wanted = new AbortController()
    const fetching = fetch({ signal: wanted.signal })
    clock.after(10, () => wanted.abort(new DfsError('aborted', 'left')))
    await assert.rejects(fetching, { message: 'left' })
    const [one, other] = [memory.take(10_000), memory.take(10_000)]
    for (const slot of [one, other]) assert.equal(slot.buffer, memory.memory)
  })

  it('gives its memory back once', async () => {
    const { fetch, placeAll, memory } = setUp()
    placeAll()
    for (let times = 0; times < 5; times++) await fetch()
    const slots = [memory.take(10_000), memory.take(10_000)]
    assert.equal(new Set(slots.map(({ byteOffset }) => byteOffset)).size, 2)
    for (const slot of slots) assert.equal(slot.buffer, memory.memory)
  })
})
