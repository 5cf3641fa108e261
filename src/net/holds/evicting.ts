/**
 * Deleting this device's copy, or letting a holder go without having one: only on the word of enough holders, asked
 * for this one purpose.
 *
 * Invariants: `evicting` is durable before the first holder is asked; only answers to this question's nonce count; a
 * holder that was heard of in another run than the one in which it confirmed does not count, for it may have come back
 * from an older state of its disk; the deletion checks everything again, and the record says `evicting` until after it.
 */
import { forgetting, holdOf, letGo } from './borrowing.ts'
import { areEnough } from './counting.ts'
import { type Asked, type BlockHolds, type DeviceId, type Incarnation, modeOf, type Nonce } from './state.ts'
import { act, type MessageOf, persist, refuse, send, type Transition, type View } from './transition.ts'

export function beginEviction(state: BlockHolds, { nonce }: { nonce: Nonce }, view: View): Transition {
  if (!view.hasBlock) return refuse(state, 'no-block')
  if (modeOf(state.record) === 'holding') return refuse(state, 'holding')
  return beginQuestion(state, { nonce, without: undefined }, view)
}

export function beginHandOver(
  state: BlockHolds,
  { holder, nonce }: { holder: DeviceId; nonce: Nonce },
  view: View,
): Transition {
  return beginQuestion(state, { nonce, without: holder }, view)
}

/** Takes note of the run in which a holder speaks, whatever it says. */
export function hear(state: BlockHolds, from: DeviceId, incarnation: Incarnation): BlockHolds {
  return withAsked(state, from, (asked) => {
    if (asked.incarnation === undefined) return { ...asked, incarnation }
    return asked.incarnation === incarnation ? asked : undefined
  })
}

export function takeConfirmation(
  state: BlockHolds,
  from: DeviceId,
  { nonce, hold }: MessageOf<'confirmation'>,
): Transition {
  if (state.memory.question?.nonce !== nonce) return act(state)
  return act(withAsked(state, from, (asked) => (asked.hold === hold ? { ...asked, confirmed: true } : asked)))
}

/** A holder that says that it does not hold is believed. */
export function takeDenial(state: BlockHolds, from: DeviceId, { nonce, reason }: MessageOf<'refusal'>): Transition {
  const { question } = state.memory
  const denied = question?.nonce === nonce ? question.asked.find(({ holder }) => holder === from) : undefined
  if (denied === undefined) return act(state)
  const asking = withAsked(state, from, () => undefined)
  const hold = holdOf(state.record, from, denied.hold)
  const isGone = reason === 'no-such-hold' || reason === 'no-block'
  return act(asking, ...(isGone && hold !== undefined ? [persist(forgetting(state.record, hold))] : []))
}

/** Whether `finish` would do it. */
export function isReady({ record, memory: { question } }: BlockHolds, view: View): boolean {
  if (question === undefined || (question.without === undefined && (!record.evicting || record.promises.length > 0)))
    return false
  const counted = question.asked.filter(
    ({ holder, hold, confirmed }) => confirmed && holdOf(record, holder, hold)?.status === 'held',
  )
  return areEnough(
    counted.map(({ holder }) => holder),
    view,
  )
}

export function finish(state: BlockHolds, view: View): Transition {
  const { question } = state.memory
  if (question === undefined || !isReady(state, view)) return refuse(state, 'too-few-holders')
  const answered = { ...state, memory: { ...state.memory, question: undefined } }
  if (question.without !== undefined) return letGo(answered, question.without, view)
  // The copy first: as soon as the record says `free`, the block may be promised to somebody.
  return act(answered, { kind: 'delete' }, persist({ ...state.record, evicting: false }))
}

/** Also of what was left by a crash or by an action that failed. */
export function giveUp(state: BlockHolds): Transition {
  const actions = state.record.evicting ? [persist({ ...state.record, evicting: false })] : []
  return { memory: { ...state.memory, question: undefined }, actions }
}

function beginQuestion(
  state: BlockHolds,
  { nonce, without }: { nonce: Nonce; without: DeviceId | undefined },
  view: View,
): Transition {
  const { record, memory } = state
  if (memory.question !== undefined || record.evicting) return refuse(state, 'busy')
  const asked = holdersToAsk(state, without, view)
  const holders = asked.map(({ holder }) => holder)
  if (!areEnough(holders, view)) return refuse(state, 'too-few-holders')
  return {
    memory: { ...memory, question: { nonce, without, asked } },
    actions: [
      ...(without === undefined ? [persist({ ...record, evicting: true })] : []),
      ...asked.map(({ holder, hold }) => send(holder, { kind: 'question', nonce, hold })),
    ],
  }
}

/** Each holder once, whatever number of holds it gave. */
function holdersToAsk({ record }: BlockHolds, without: DeviceId | undefined, { self, ownerOf }: View): Asked[] {
  const asked = new Map<DeviceId, Asked>()
  for (const { holder, nonce, status } of record.holds) {
    if (status !== 'held' || holder === without || holder === self || ownerOf(holder) === undefined) continue
    asked.set(holder, { holder, hold: nonce, incarnation: undefined, confirmed: false })
  }
  return [...asked.values()]
}

/** Changes what is known of one holder that was asked; undefined: its word cannot count any more. */
function withAsked(state: BlockHolds, from: DeviceId, change: (asked: Asked) => Asked | undefined): BlockHolds {
  const { question } = state.memory
  if (question === undefined) return state
  const asked = question.asked.flatMap((one) => (one.holder === from ? (change(one) ?? []) : one))
  return { ...state, memory: { ...state.memory, question: { ...question, asked } } }
}
