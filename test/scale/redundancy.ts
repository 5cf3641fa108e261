/**
 * What it takes to keep blocks on other devices, as three copies and in shards 4+2: space on the holders, and what the owner
 * sends and receives to place them, to mend them when a holder is gone for ever (with the blocks here, and evicted), and to read them
 * back. The real services on a network in memory: bytes of blocks are counted, messages are not. `node test/scale/redundancy.ts [BLOCKS]`
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { SharedSlots } from '../../src/bytes/shared-slots.ts'
import type { HeadBlock } from '../../src/daemon/heads/head-keeper.ts'
import { replicasWanted } from '../../src/daemon/redundancy.ts'
import { Lenders } from '../../src/daemon/replication/lenders.ts'
import { Placer } from '../../src/daemon/replication/placing.ts'
import { PolicyPlacer } from '../../src/daemon/replication/policy-placer.ts'
import { ShardPlacer } from '../../src/daemon/replication/sharding.ts'
import { BLOCK_BYTES_MAX } from '../../src/format/block.ts'
import { cidOfDigest } from '../../src/format/cid.ts'
import type { Redundancy } from '../../src/format/shard.ts'
import { JoinedSource } from '../../src/net/exchange/joined-source.ts'
import { digestOf } from '../../src/seal/hash.ts'
import { joinShards, splitBlock } from '../../src/seal/shards.ts'
import { type Holder, HolderNetwork } from '../unit/net/holds/network-of-holders.ts'

const BLOCKS = Number(process.argv[2] ?? 48)
const LENDERS = 8
const NEVER = new AbortController().signal

console.log(`${BLOCKS} blocks of 1 MiB, ${LENDERS} lenders; all in multiples of the blocks' bytes`)
console.log(
  '| | on holders | placing: sent | one lost, blocks here: sent, received | one lost, evicted: sent, received | reading back |',
)
for (const redundancy of [undefined, { data: 4, parity: 2 }]) await measure(redundancy)

async function measure(redundancy: Redundancy | undefined): Promise<void> {
  const name = redundancy === undefined ? '3 copies' : '4+2'
  const replicas = replicasWanted({ redundancy: redundancy === undefined ? 'copies' : name, replicas: 3 })
  const net = new HolderNetwork()
  const mine = net.add('mine', 'me', { replicas })
  const lenders = Array.from({ length: LENDERS }, (_, index) => net.add(`lender ${index}`, `owner ${index}`))
  const source = joined(mine, net)
  const placer = placerOf(mine, { net, redundancy, replicas, source })
  const blocks = Array.from({ length: BLOCKS }, () => addBlock(mine))
  const cids = blocks.map(({ cid }) => cid)
  const total = BLOCKS * BLOCK_BYTES_MAX
  const during = async (work: () => Promise<unknown>): Promise<string[]> => {
    const before = { ...mine.traffic }
    await net.run(work())
    const { given, taken } = mine.traffic
    return [given - before.given, taken - before.taken].map((bytes) => (bytes / total).toFixed(3))
  }
  const place = async () => assert.equal((await placer.place(blocks, NEVER)).blocks, 0)
  const evict = async () => assert.deepEqual([...new Set((await mine.holds.evict(cids)).values())], ['evicted'])
  const loseOne = () => {
    const lost = lenders.pop()!
    lost.isAway = true
    lost.owner = undefined
    net.devices.delete(lost.id)
  }

  const placing = await during(place)
  const held = lenders.flatMap((lender) => [...lender.blocks.values()]).reduce((sum, { length }) => sum + length, 0)
  loseOne()
  const mendedHere = await during(place)
  await net.run(evict())
  loseOne()
  const mendedAway = await during(place)
  const read = await during(async () => {
    for (const { cid, bytes } of blocks) {
      const fetching = source.fetch({ cid, sealedBytes: bytes })
      assert(digestOf(await fetching.block).length > 0)
      fetching.release()
    }
  })
  console.log(
    `| ${name} | ${(held / total).toFixed(3)} | ${placing[0]} | ${mendedHere.join(', ')} | ${mendedAway.join(', ')} | ${read[1]} |`,
  )
}

function addBlock(mine: Holder): HeadBlock {
  const content = randomBytes(BLOCK_BYTES_MAX)
  const cid = cidOfDigest(digestOf(content))
  mine.blocks.set(cid, content)
  return { cid, bytes: content.length, kind: 'data' }
}

function joined(mine: Holder, net: HolderNetwork): JoinedSource {
  const memory = new SharedSlots({ bytes: [BLOCK_BYTES_MAX], count: 4 })
  return new JoinedSource({
    source: { memory, fetch: (ref) => mine.run.source.fetch(ref) },
    shards: mine.holds.shards,
    readHere: () => undefined,
    join: async (ref, shards, into) => void joinShards(ref, shards).block.copy(into),
    clock: net.clock,
  })
}

interface PlacerParts {
  readonly net: HolderNetwork
  readonly redundancy: Redundancy | undefined
  readonly replicas: number
  readonly source: JoinedSource
}

function placerOf(mine: Holder, { net, redundancy, replicas, source }: PlacerParts): PolicyPlacer {
  const others = () => [...net.devices.keys()].filter((device) => device !== mine.id)
  const options = {
    holds: mine.holds,
    lenders: new Lenders({ others, offerOf: (device) => mine.holds.offerOf(device), nowMs: () => 0 }),
    members: { self: mine.id, ownerOf: (device: string) => net.devices.get(device)?.owner ?? undefined },
    replicas: () => replicas,
    pace: async () => undefined,
    onHeld: () => undefined,
    onHolder: () => undefined,
  }
  return new PolicyPlacer({
    ...options,
    redundancy: () => redundancy,
    copies: new Placer(options),
    shards: new ShardPlacer({
      ...options,
      read: async ({ cid, bytes }) => {
        const here = mine.blocks.get(cid)
        if (here !== undefined) return here
        const fetching = source.fetch({ cid, sealedBytes: bytes })
        const block = Buffer.from(await fetching.block)
        fetching.release()
        return block
      },
      split: async (block, how) => splitBlock(block, how),
    }),
  })
}
