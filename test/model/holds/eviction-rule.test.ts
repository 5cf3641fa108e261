/**
 * Every state that a few devices can reach with the real machine of holds, whatever becomes of messages, disks and
 * members: `properties.ts` says what holds in all of them, `scenarios.ts` what is explored. Then the same with parts of
 * the rule taken out, each of which must show. DFS_MODEL_HOLDS=long explores larger worlds, too.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../src/net/holds/transition.ts'
import { type Exploration, explore } from './explore.ts'
import { MUTANTS } from './mutants.ts'
import { lender, maker, own, scenario } from './scenario.ts'
import { LONG_SCENARIOS, SCENARIOS } from './scenarios.ts'
import type { World, WorldState } from './world.ts'

const isLong = process.env.DFS_MODEL_HOLDS === 'long'

for (const one of [...SCENARIOS, ...(isLong ? LONG_SCENARIOS : [])]) {
  test(`no deletion on less than was promised: ${one.name}`, (t) => {
    let deleted = 0
    const onState = (state: WorldState, world: World) => {
      if (world.situation(state).devices.some(({ notes }) => notes.relies.length > 0)) deleted++
    }
    const { states, transitions, broken } = explore(one, { onState })
    assert.equal(broken, undefined, describeBroken(broken))
    assert.equal(deleted > 0, one.canEvict, 'whether the scenario comes to a deletion at all')
    t.diagnostic(`${states} states, ${transitions} transitions; in ${deleted} states a device counts on holders alone`)
  })
}

for (const mutant of MUTANTS) {
  test(`it shows if ${mutant.name}`, (t) => {
    const { states, broken } = explore(mutant)
    assert(broken !== undefined, `nothing is wrong in ${states} states`)
    t.diagnostic(`${broken.property}, after ${broken.trace.length} steps`)
  })
}

const GIVE_UP: readonly Command['kind'][] = ['ask-hold', 'evict', 'finish', 'give-up', 'release']
const LOSSLESS = [
  scenario({ name: 'two devices', replicas: 1, devices: [own('A'), own('B')], commands: GIVE_UP, lost: ['released'] }),
  scenario({
    name: 'three devices',
    replicas: 1,
    devices: [own('A'), own('B'), own('C')],
    commands: ['ask-hold', 'evict', 'finish'],
    lost: ['released', 'refusal'],
  }),
  scenario({
    name: 'two lenders that must both hold',
    replicas: 2,
    devices: [own('A', { requests: 2 }), lender('B'), lender('C')],
    commands: GIVE_UP,
  }),
  scenario({
    name: 'the maker of a shard, and a lender',
    replicas: 1,
    devices: [maker('A', { requests: 2, questions: 2 }), lender('B', { hasBlock: false })],
    commands: ['ask-hold', 'rely', 'finish', 'give-up', 'release'],
  }),
]

for (const one of LOSSLESS) {
  test(`an eviction ends by deleting if all messages arrive and nobody fails: ${one.name}`, (t) => {
    let evictions = 0
    const onState = (state: WorldState, world: World) => {
      for (const { name, memory } of world.situation(state).devices) {
        if (memory.question === undefined) continue
        const [ended] = world.commanded(world.settled(state), name, { kind: 'finish' })
        const after = ended && world.situation(ended.state).devices.find((device) => device.name === name)
        const isLost = memory.question.aim === 'rely' ? !after?.canMake : !after?.hasBlock
        const isDone = after !== undefined && isLost && !after.record.evicting
        assert(isDone, `${name} waits for ever`)
        evictions++
      }
    }
    const { states, broken } = explore(one, { onState })
    assert.equal(broken, undefined, describeBroken(broken))
    assert(evictions > 0)
    t.diagnostic(`${evictions} evictions under way in ${states} states`)
  })
}

function describeBroken(broken: Exploration['broken']): string {
  return broken === undefined ? '' : `${broken.property}:\n  ${broken.trace.join('\n  ')}`
}
