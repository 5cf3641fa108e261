/**
 * Random walks where there are too many states to visit them all: three devices with every command, every message and
 * every fault. DFS_MODEL_SEED repeats a run, DFS_MODEL_WALKS makes it longer.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random, seedFrom } from '../../support/random.ts'
import { lender, own, type Scenario, scenario } from './scenario.ts'
import { EVERYTHING } from './scenarios.ts'
import { type Successor, World } from './world.ts'

const WALKS = Number(process.env.DFS_MODEL_WALKS ?? 15)
const STEPS_MAX = 200
/** How much likelier than the rest is what leads to a deletion. */
const WEIGHTS: Readonly<Record<string, number>> = { finish: 20, hold: 10, request: 5, evict: 5, 'ask-hold': 3 }

const faults = { crashes: 3, commands: [...EVERYTHING, 'forget-expired', 'repeat-releases'] } as const
const many = { requests: 6, questions: 6 }
const SCENARIOS = [1, 2].flatMap((replicas) => [
  scenario({
    ...faults,
    name: `three devices that can all evict, ${replicas} of which must hold`,
    replicas,
    devices: [own('A', many), own('B', many), own('C', many)],
    rolledBack: 'B',
    expiring: 'C',
  }),
  scenario({
    ...faults,
    name: `two devices that can evict and three lenders, ${replicas} of which must hold`,
    replicas,
    devices: [
      own('A', many),
      own('B', many),
      lender('C'),
      lender('D', { owner: 'friend' }),
      lender('E', { owner: 'friend' }),
    ],
    rolledBack: 'A',
    removed: 'C',
    expiring: 'D',
  }),
])

for (const one of SCENARIOS) {
  test(`no deletion on less than was promised, as far as chance leads: ${one.name}`, (t) => {
    const seed = seedFrom('DFS_MODEL_SEED')
    const random = new Random(seed)
    let deleted = 0
    for (let walk = 0; walk < WALKS; walk++) deleted += walked(one, random, seed)
    t.diagnostic(`seed ${seed}: ${WALKS} walks; after ${deleted} steps a device counted on holders alone`)
  })
}

/** How many of the states on the way had a device that counts on holders alone. */
function walked(one: Scenario, random: Random, seed: number): number {
  const world = new World(one)
  const trace: string[] = []
  let state = world.start()
  let deleted = 0
  for (let step = 0; step < STEPS_MAX; step++) {
    const successors = world.successors(state)
    if (successors.length === 0) break
    const next = chosen(successors, random)
    trace.push(next.label)
    state = next.state
    const property = next.violation ?? world.violation(state)
    assert(property === undefined, `DFS_MODEL_SEED=${seed}: ${property}:\n  ${trace.join('\n  ')}`)
    if (world.situation(state).devices.some(({ notes }) => notes.relies.length > 0)) deleted++
  }
  return deleted
}

/** First what kind of thing happens, then which. */
function chosen(successors: readonly Successor[], random: Random): Successor {
  const byKind = Object.groupBy(successors, ({ label }) => kindOf(label))
  const weights = Object.fromEntries(Object.keys(byKind).map((kind) => [kind, WEIGHTS[kind] ?? 1]))
  return random.pick(byKind[random.weighted(weights)]!)
}

/** The kind of the message that is heard, or of the command that is given; `fault` for the rest. */
function kindOf(label: string): string {
  return /"kind":"([\w-]+)"/.exec(label)?.[1] ?? /^\w+: ([\w-]+)( \w+)?$/.exec(label)?.[1] ?? 'fault'
}
