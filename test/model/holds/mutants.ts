/** The rule with one of its parts taken out, and a scenario in which that must show. */
import { step } from '../../../src/net/holds/machine.ts'
import type { HoldRecord } from '../../../src/net/holds/state.ts'
import type { Action, HoldMessage, Input, Transition } from '../../../src/net/holds/transition.ts'
import type { Machine } from './device.ts'
import { FRESH_NONCES, lender, maker, own, type Scenario, scenario } from './scenario.ts'

const A_AND_LENDER = [own('A', { requests: 2, questions: 2 }), lender('B')]
const COMMANDS = ['ask-hold', 'evict', 'finish', 'give-up', 'release', 'drop'] as const
const USUAL = { replicas: 1, devices: A_AND_LENDER, commands: COMMANDS }

export const MUTANTS: readonly Scenario[] = [
  scenario({
    ...USUAL,
    name: 'holders are asked with a nonce that was used before',
    rolledBack: 'B',
    nonces: { ...FRESH_NONCES, question: (device) => `${device}q` },
  }),
  // What was said before the disk was put back is on its way still, and is about these holds.
  scenario({
    ...USUAL,
    name: 'holders confirm the holds that they gave, instead of giving new ones',
    commands: ['ask-hold', 'evict', 'finish', 'release'],
    rolledBack: 'A',
    machine: (state, input, view) => {
      const { holds } = state.record
      const nonce = holds.find(({ status }) => status === 'held')?.nonce
      if (nonce === undefined) return step(state, input, view)
      if (input.kind === 'command' && input.command.kind === 'evict') {
        return step(state, { ...input, command: { ...input.command, nonce } }, view)
      }
      if (input.kind !== 'message' || input.message.kind !== 'hold' || input.message.nonce !== nonce) {
        return step(state, input, view)
      }
      const unknown = { ...state.record, holds: holds.filter((hold) => hold.nonce !== nonce) }
      return step({ ...state, record: unknown }, input, view)
    },
  }),
  scenario({
    ...USUAL,
    name: 'a device that evicts gives holds',
    devices: [own('A'), own('B')],
    machine: on('request', (state, input, view) => {
      const { record } = state
      const given = step({ ...state, record: { ...record, evicting: false } }, input, view)
      return withRecords(given, (one) => ({ ...one, evicting: record.evicting }))
    }),
  }),
  scenario({
    ...USUAL,
    name: 'a device that holds evicts',
    devices: [own('A'), own('B')],
    machine: (state, input, view) => {
      if (!isCommand(input, 'evict') && !isCommand(input, 'finish')) return step(state, input, view)
      const { promises } = state.record
      const evicted = step({ ...state, record: { ...state.record, promises: [] } }, input, view)
      return withRecords(evicted, (one) => ({ ...one, promises }))
    },
  }),
  scenario({
    ...USUAL,
    name: 'the deletion checks nothing again',
    machine: (state, input, view) => {
      if (!isCommand(input, 'finish') || !state.record.evicting) return step(state, input, view)
      return { memory: state.memory, actions: [{ kind: 'delete' }] }
    },
  }),
  scenario({
    ...USUAL,
    name: 'holders are counted by the record, not by what they say now',
    rolledBack: 'B',
    machine: countingByRecord,
  }),
  scenario({
    ...USUAL,
    name: 'holders of a shard are counted by the record, when its maker comes to depend on them',
    devices: [maker('A', { requests: 2, questions: 2 }), lender('B', { hasBlock: false })],
    commands: ['ask-hold', 'rely', 'finish', 'give-up', 'release', 'drop'],
    rolledBack: 'B',
    machine: countingByRecord,
  }),
  scenario({
    ...USUAL,
    name: 'what was exposed of a shard counts as a copy, when holders are let go',
    devices: [maker('A', { questions: 2 }), lender('B', { hasBlock: false })],
    commands: ['ask-hold', 'rely', 'finish', 'give-up', 'release', 'drop'],
    machine: (state, input, view) =>
      step(state, input, isCommand(input, 'release') ? { ...view, hasBlock: true } : view),
  }),
  scenario({
    ...USUAL,
    name: 'a holder answers before its promise is durable',
    crashes: 1,
    machine: on('request', (...given) => sentFirst(step(...given))),
  }),
  scenario({
    ...USUAL,
    name: 'a holder is let go before that is durable',
    crashes: 1,
    machine: (state, input, view) => {
      const done = step(state, input, view)
      return isCommand(input, 'release') ? sentFirst(done) : done
    },
  }),
  scenario({
    ...USUAL,
    name: 'a release is for whatever hold there is',
    machine: on('release', (state, input, view) => {
      const promise = state.record.promises.find(({ requester }) => requester === input.from)
      if (promise === undefined) return step(state, input, view)
      const message = { ...input.message, hold: promise.nonce }
      return step(state, { ...input, message }, view)
    }),
  }),
  scenario({
    ...USUAL,
    name: 'holds are taken that nobody waits for',
    machine: on('hold', (state, input, view) => {
      const request = { holder: input.from, nonce: input.message.nonce }
      const isKnown = state.record.holds.some(({ nonce }) => nonce === request.nonce)
      if (isKnown) return step(state, input, view)
      return step({ ...state, memory: { ...state.memory, requests: [request] } }, input, view)
    }),
  }),
  scenario({
    ...USUAL,
    name: 'a holder that was started anew still counts',
    rolledBack: 'B',
    machine: (state, input, view) =>
      step(state, input.kind === 'message' ? { ...input, incarnation: 'any' } : input, view),
  }),
  scenario({
    ...USUAL,
    name: 'a device that was removed still counts',
    removed: 'B',
    machine: (state, input, view) => step(state, input, { ...view, ownerOf: () => 'me' }),
  }),
  scenario({
    name: 'every device of a friend counts',
    replicas: 2,
    devices: [own('A', { requests: 2 }), lender('B', { owner: 'friend' }), lender('C', { owner: 'friend' })],
    commands: ['ask-hold', 'evict', 'finish'],
    machine: (state, input, view) => step(state, input, { ...view, ownerOf: (device) => device }),
  }),
  scenario({
    ...USUAL,
    name: 'a block that was promised is dropped',
    machine: (state, input, view) => {
      if (!isCommand(input, 'drop')) return step(state, input, view)
      return step({ ...state, record: { ...state.record, promises: [] } }, input, view)
    },
  }),
  scenario({
    ...USUAL,
    name: 'a holder is let go by a device that has no copy',
    machine: (state, input, view) =>
      step(state, input, isCommand(input, 'release') ? { ...view, hasBlock: true } : view),
  }),
]

type Of<K extends HoldMessage['kind']> = Extract<Input, { kind: 'message' }> & {
  message: Extract<HoldMessage, { kind: K }>
}

/** The machine, but for messages of one kind. */
function on<K extends HoldMessage['kind']>(
  kind: K,
  instead: (state: Parameters<Machine>[0], input: Of<K>, view: Parameters<Machine>[2]) => Transition,
): Machine {
  return (state, input, view) =>
    input.kind === 'message' && input.message.kind === kind
      ? instead(state, input as Of<K>, view)
      : step(state, input, view)
}

/** The machine, but whoever is in the record counts as having confirmed. */
function countingByRecord(...[state, input, view]: Parameters<Machine>): Transition {
  const { question } = state.memory
  if (!isCommand(input, 'finish') || question === undefined) return step(state, input, view)
  const asked = question.asked.map((one) => ({ ...one, confirmed: true }))
  const holds = state.record.holds.map((hold) => ({ ...hold, nonce: question.nonce }))
  return step(
    { record: { ...state.record, holds }, memory: { ...state.memory, question: { ...question, asked } } },
    input,
    view,
  )
}

function isCommand(input: Input, kind: string): boolean {
  return input.kind === 'command' && input.command.kind === kind
}

function sentFirst(transition: Transition): Transition {
  const isSend = ({ kind }: Action) => kind === 'send'
  const { actions } = transition
  return { ...transition, actions: [...actions.filter(isSend), ...actions.filter((action) => !isSend(action))] }
}

function withRecords(transition: Transition, change: (record: HoldRecord) => HoldRecord): Transition {
  const actions = transition.actions.map((action) =>
    action.kind === 'persist' ? { ...action, record: change(action.record) } : action,
  )
  return { ...transition, actions }
}
