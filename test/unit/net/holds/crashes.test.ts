/**
 * Devices are killed before each of their steps, their disks fail, messages are lost, late and doubled: what was said to
 * be held is there, and enough others hold what was evicted.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countHolders } from '../../../../src/net/holds/counting.ts'
import type { BlockSize } from '../../../../src/net/holds/hold-service.ts'
import { Random } from '../../../support/random.ts'
import { type Holder, HolderNetwork } from './network-of-holders.ts'

const STEPS_MAX = 100

interface Story {
  readonly net: HolderNetwork
  readonly mine: Holder
  readonly holders: readonly Holder[]
  readonly blocks: readonly BlockSize[]
}

function newStory(): Story {
  const net = new HolderNetwork()
  const mine = net.add('mine', 'me', { replicas: 2 })
  const holders = [net.add('own', 'me'), net.add('friend', 'friend'), net.add('other', 'other')]
  return { net, mine, holders, blocks: Array.from({ length: 4 }, (_, index) => mine.block(index)) }
}

/** Lends, evicts, moves on to other holders, and lets go. What fails because somebody was killed is left. */
async function live({ net, mine, holders, blocks }: Story, onHeld: (holder: Holder, block: BlockSize) => void) {
  const ask = async (holder: Holder, those: readonly BlockSize[]) => {
    const outcomes = await net.run(mine.run.outcomeOf(mine.holds.ask(holder.id, those)))
    for (const block of those) if (outcomes?.get(block.cid) === 'held') onHeld(holder, block)
  }
  const evict = (those: readonly BlockSize[]) =>
    net.run(mine.run.outcomeOf(mine.holds.evict(those.map(({ cid }) => cid))))
  await ask(holders[0]!, blocks)
  await ask(holders[1]!, blocks)
  await evict(blocks.slice(0, 3))
  await ask(holders[2]!, blocks)
  await net.run(mine.run.outcomeOf(mine.holds.release([blocks[3]!.cid])))
}

/** Whoever is said to hold a block has it, and has promised it; and a block that is not here is held by enough. */
function check({ net, mine, holders, blocks }: Story, what: string): void {
  for (const [index, block] of blocks.entries()) {
    const bound = holders.filter((holder) => mine.statusesOf(holder, block).includes('held'))
    for (const holder of bound) {
      assert(holder.blocks.has(block.cid), `${what}: ${holder.name} has block ${index}`)
      assert(holder.promisedTo(mine, block).length > 0, `${what}: ${holder.name} promised block ${index}`)
    }
    const count = countHolders(
      bound.map(({ id }) => id),
      { self: mine.id, ownerOf: (id) => net.devices.get(id)?.owner },
    )
    assert(mine.blocks.has(block.cid) || count >= mine.replicas, `${what}: block ${index} is held by enough`)
  }
}

const FAULTS = (['mine', 'own', 'friend'] as const).flatMap((name) => [
  { name, isKilled: true, title: `${name} is killed before any of its steps` },
  { name, isKilled: false, title: `any step of ${name} fails` },
])

for (const { name, isKilled, title } of FAULTS) {
  test(title, async () => {
    let faults = 0
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const story = newStory()
      const victim = [story.mine, ...story.holders].find((one) => one.name === name)!
      const held = new Set<string>()
      const note = (holder: Holder, { cid }: BlockSize) => void held.add(`${holder.id} ${cid}`)
      Object.assign(victim, { stepsLeft: steps, isKilledThen: isKilled })
      await live(story, note)
      if (victim.stepsLeft >= 0 && victim.stepsLeft <= steps) break
      faults++
      if (isKilled) await victim.restart()
      const what = `after ${steps} steps`
      check(story, what)
      for (const block of story.blocks.slice(0, 3)) {
        for (const holder of story.holders) {
          if (held.has(`${holder.id} ${block.cid}`)) assert(holder.blocks.has(block.cid), `${what}: held is held`)
        }
      }
      // And everything goes on.
      await story.net.sleep(60_000)
      await live(story, note)
      await story.net.sleep(60_000)
      check(story, `${what}, and went on`)
      for (const block of story.blocks.slice(0, 3))
        assert(!story.mine.blocks.has(block.cid), `${what}: evicted at last`)
    }
    assert(faults > 10 && faults < STEPS_MAX, `${faults} faults`)
  })
}

for (let seed = 1; seed <= 20; seed++) {
  test(`messages are lost, late and doubled (seed ${seed})`, async () => {
    const random = new Random(seed)
    const story = newStory()
    const delay = () => (random.oneIn(3) ? 1 + random.below(20_000) : 0)
    story.net.delaysMs = () => {
      if (random.oneIn(5)) return []
      return random.oneIn(4) ? [delay(), delay()] : [delay()]
    }
    for (let round = 0; round < 3; round++) {
      await live(story, () => {})
      check(story, `round ${round}`)
      if (random.oneIn(2)) await [story.mine, ...story.holders][random.below(4)]!.restart()
      check(story, `round ${round}, after a new start`)
    }
    story.net.delaysMs = () => [0]
    await story.net.sleep(8_000_000)
    await live(story, () => {})
    for (const { cid } of story.blocks.slice(0, 3)) assert(!story.mine.blocks.has(cid), 'evicted at last')
    check(story, 'at last')
  })
}
