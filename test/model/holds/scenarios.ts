/**
 * What is explored: small worlds, each with the commands and faults that its question needs, and as many tries as leave
 * it small. In all of them messages are lost, delayed, doubled and reordered without limit.
 */
import type { Command } from '../../../src/net/holds/transition.ts'
import { lender, maker, own, type Scenario, scenario } from './scenario.ts'

const EVICT: readonly Command['kind'][] = ['ask-hold', 'evict', 'finish']
const GIVE_UP: readonly Command['kind'][] = [...EVICT, 'give-up', 'release']
export const EVERYTHING: readonly Command['kind'][] = [
  ...GIVE_UP,
  'cancel-request',
  'check',
  'distrust',
  'hand-over',
  'ask-to-leave',
  'drop',
]
const ANSWERS = ['released', 'refusal'] as const

const RELY: readonly Command['kind'][] = ['ask-hold', 'rely', 'finish']
const EMPTY = { hasBlock: false }

/** Of a shard: each device that has the block which it is of can make it, until it counts on whoever holds it. */
const SHARD_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: 'a shard, its maker and a lender, two tries, every command',
    replicas: 1,
    devices: [maker('A', { questions: 2 }), lender('B', EMPTY)],
    commands: [...EVERYTHING.filter((kind) => kind !== 'check'), 'rely'],
    lost: ANSWERS,
  }),
  scenario({
    name: 'a shard, its maker and a lender, a crash',
    replicas: 1,
    devices: [maker('A', { questions: 2 }), lender('B', EMPTY)],
    commands: [...RELY, 'give-up', 'release', 'drop'],
    crashes: 1,
    lost: ANSWERS,
  }),
  scenario({
    name: 'a shard, and a lender whose disk is put back',
    replicas: 1,
    devices: [maker('A', { questions: 2 }), lender('B', EMPTY)],
    commands: [...RELY, 'give-up', 'release', 'drop'],
    rolledBack: 'B',
    lost: ANSWERS,
  }),
  scenario({
    name: 'a shard, and a maker whose disk is put back',
    replicas: 1,
    devices: [maker('A', { questions: 2 }), lender('B', EMPTY)],
    commands: [...RELY, 'give-up', 'release', 'drop'],
    rolledBack: 'A',
    lost: ANSWERS,
  }),
  scenario({
    name: 'a shard, and two makers that hold it for each other',
    replicas: 1,
    devices: [maker('A'), maker('B')],
    commands: [...RELY, 'give-up', 'release', 'evict', 'drop'],
    lost: ANSWERS,
  }),
  scenario({
    name: 'a shard that goes from one lender to another',
    replicas: 1,
    devices: [maker('A', { requests: 2, questions: 2 }), lender('B', EMPTY), lender('C', EMPTY)],
    commands: [...RELY, 'hand-over', 'drop'],
    lost: ANSWERS,
  }),
  scenario({
    name: 'a shard, and a lender that is removed',
    replicas: 1,
    devices: [maker('A', { requests: 2 }), lender('B', EMPTY), lender('C', EMPTY)],
    commands: [...RELY, 'drop'],
    removed: 'B',
    lost: ANSWERS,
  }),
]

export const SCENARIOS: readonly Scenario[] = [
  scenario({
    name: 'two devices that both want to evict, every command',
    replicas: 1,
    devices: [own('A'), own('B')],
    commands: EVERYTHING.filter((kind) => kind !== 'check'),
    lost: ANSWERS,
  }),
  scenario({
    name: 'two devices that both want to evict, a crash',
    replicas: 1,
    devices: [own('A'), own('B')],
    commands: GIVE_UP,
    crashes: 1,
    lost: ANSWERS,
  }),
  scenario({
    name: 'a device and a lender, two tries, every command',
    replicas: 1,
    devices: [own('A', { requests: 2 }), lender('B')],
    commands: EVERYTHING,
    lost: ANSWERS,
  }),
  scenario({
    name: 'a device and a lender, two tries, all messages',
    replicas: 1,
    devices: [own('A', { questions: 2 }), lender('B')],
    commands: [...GIVE_UP, 'drop'],
  }),
  scenario({
    name: 'a device and a lender, two tries, a crash',
    replicas: 1,
    devices: [own('A', { requests: 2, questions: 2 }), lender('B')],
    commands: [...GIVE_UP, 'drop'],
    crashes: 1,
    lost: ANSWERS,
  }),
  scenario({
    name: 'a lender whose disk is put back',
    replicas: 1,
    devices: [own('A', { questions: 2 }), lender('B')],
    commands: [...GIVE_UP, 'drop'],
    rolledBack: 'B',
    lost: ANSWERS,
  }),
  scenario({
    name: 'an evicting device whose disk is put back',
    replicas: 1,
    devices: [own('A', { requests: 2, questions: 2 }), lender('B')],
    commands: [...GIVE_UP, 'drop'],
    rolledBack: 'A',
    lost: ANSWERS,
  }),
  scenario({
    name: 'two devices that both want to evict, and one whose disk is put back',
    replicas: 1,
    devices: [own('A'), own('B')],
    commands: EVICT,
    rolledBack: 'B',
    lost: ANSWERS,
  }),
  scenario({
    name: 'a lender on which terms end',
    replicas: 1,
    devices: [own('A', { questions: 2 }), lender('B')],
    commands: [...EVICT, 'check', 'drop', 'forget-expired'],
    expiring: 'B',
    lost: ANSWERS,
  }),
  scenario({
    name: 'three devices, each counting on the others',
    replicas: 1,
    devices: [own('A'), own('B'), own('C')],
    commands: [...EVICT, 'release'],
    lost: ANSWERS,
  }),
  scenario({
    name: 'three devices, two of which must hold',
    replicas: 2,
    devices: [own('A', { requests: 2 }), own('B', { requests: 2 }), own('C', { requests: 0, questions: 0 })],
    commands: EVICT,
    lost: ANSWERS,
  }),
  scenario({
    name: 'two lenders that must both hold, all messages',
    replicas: 2,
    devices: [own('A', { requests: 2 }), lender('B'), lender('C')],
    commands: GIVE_UP,
  }),
  scenario({
    name: 'two lenders that must both hold, a crash',
    replicas: 2,
    devices: [own('A', { requests: 2 }), lender('B'), lender('C')],
    commands: [...EVICT, 'drop'],
    crashes: 1,
    lost: ANSWERS,
  }),
  scenario({
    name: 'two lenders that must both hold, one disk put back',
    replicas: 2,
    devices: [own('A', { requests: 2 }), lender('B'), lender('C')],
    commands: EVICT,
    rolledBack: 'B',
    lost: ANSWERS,
  }),
  scenario({
    name: 'from one lender to another',
    replicas: 1,
    devices: [own('A', { requests: 2, questions: 2 }), lender('B'), lender('C')],
    commands: [...EVICT, 'hand-over', 'drop'],
    lost: ANSWERS,
  }),
  scenario({
    name: 'a lender that is doubted, and another',
    replicas: 1,
    devices: [own('A', { requests: 2, questions: 2 }), lender('B'), lender('C')],
    commands: [...EVICT, 'distrust', 'hand-over'],
    lost: ANSWERS,
  }),
  scenario({
    name: 'a lender that is removed',
    replicas: 1,
    devices: [own('A', { requests: 2 }), lender('B'), lender('C')],
    commands: [...EVICT, 'drop'],
    removed: 'B',
    lost: ANSWERS,
  }),
  ...SHARD_SCENARIOS,
  scenario({
    name: 'two devices of one friend, where two must hold',
    replicas: 2,
    devices: [own('A', { requests: 2 }), lender('B', { owner: 'friend' }), lender('C', { owner: 'friend' })],
    commands: [...EVICT, 'drop'],
    canEvict: false,
  }),
]

/** Larger worlds, which take minutes and gigabytes. */
export const LONG_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: 'a shard, its maker and a lender, two requests, a crash',
    replicas: 1,
    devices: [maker('A', { requests: 2, questions: 2 }), lender('B', EMPTY)],
    commands: [...RELY, 'give-up', 'release', 'drop'],
    crashes: 1,
    lost: ANSWERS,
  }),
  scenario({
    name: 'a shard, and a maker whose disk is put back, two requests',
    replicas: 1,
    devices: [maker('A', { requests: 2, questions: 2 }), lender('B', EMPTY)],
    commands: [...RELY, 'give-up', 'release', 'drop'],
    rolledBack: 'A',
    lost: ANSWERS,
  }),
  scenario({
    name: 'a device and a lender, two tries, two crashes',
    replicas: 1,
    devices: [own('A', { requests: 2, questions: 2 }), lender('B')],
    commands: [...GIVE_UP, 'drop'],
    crashes: 2,
    lost: ANSWERS,
  }),
  scenario({
    name: 'three devices, each counting on the others, a crash',
    replicas: 1,
    devices: [own('A'), own('B'), own('C')],
    commands: EVICT,
    crashes: 1,
    lost: ANSWERS,
  }),
  scenario({
    name: 'three devices that can all evict, two of which must hold',
    replicas: 2,
    devices: [own('A', { requests: 2 }), own('B', { requests: 2 }), own('C', { requests: 2 })],
    commands: EVICT,
    lost: ANSWERS,
  }),
  scenario({
    name: 'from one lender to another, whose disk is put back',
    replicas: 1,
    devices: [own('A', { requests: 2, questions: 2 }), lender('B'), lender('C')],
    commands: [...EVICT, 'hand-over'],
    rolledBack: 'C',
    neverFetches: true,
    lost: ANSWERS,
  }),
  scenario({
    name: 'a lender whose disk is put back, a crash',
    replicas: 1,
    devices: [own('A', { questions: 2 }), lender('B')],
    commands: [...EVICT, 'give-up', 'drop'],
    rolledBack: 'B',
    crashes: 1,
    lost: ANSWERS,
  }),
  scenario({
    name: 'two lenders that must both hold, one is removed, all messages',
    replicas: 2,
    devices: [own('A', { requests: 2 }), lender('B'), lender('C')],
    commands: GIVE_UP,
    removed: 'B',
  }),
]
