/**
 * Deleting this device's copy, losing what a copy can be made of, or letting a holder go without having one: only against
 * new holds of enough holders, asked for this one purpose.
 *
 * Invariants: `evicting` is durable before the first holder is asked; only holds of this question's nonce count, so
 * that nothing said before, by a holder or by this device itself, can confirm or release them; a holder that was heard
 * of in two of its runs does not count, for its disk may have been put back to an older state between them, nor does
 * one that did not prove lately that it keeps what it promised; the deletion checks everything again, and the record
 * says `evicting` until after it.
 */
import { holdOf, letGo, releaseOf, replaceHold } from './borrowing.ts'
import { areEnough } from './counting.ts'
import { type Aim, type Asked, type BlockHolds, type DeviceId, type Incarnation, modeOf, type Nonce } from './state.ts'
import { act, type MessageOf, persist, refuse, send, type Transition, type View } from './transition.ts'

export function beginEviction(state: BlockHolds, { nonce }: { nonce: Nonce }, view: View): Transition {
  if (!view.hasBlock) return refuse(state, 'no-block')
  if (modeOf(state.record) === 'holding') return refuse(state, 'holding')
  return beginQuestion(state, { nonce, aim: 'delete' }, view)
}

export function beginHandOver(
  state: BlockHolds,
  { holder, nonce }: { holder: DeviceId; nonce: Nonce },
  view: View,
): Transition {
  return beginQuestion(state, { nonce, aim: { without: holder } }, view)
}

/**
 * Nothing that was promised stands on what is to be lost: a hold is given of a block that is on the disk, and no copy is
 * deleted in the end. So it makes no difference whether the block is here, or promised to others.
 */
export function beginReliance(state: BlockHolds, { nonce }: { nonce: Nonce }, view: View): Transition {
  return beginQuestion(state, { nonce, aim: 'rely' }, view)
}

/** Takes note of the run in which a holder speaks, whatever it says. */
export function hear(state: BlockHolds, from: DeviceId, incarnation: Incarnation): BlockHolds {
  return withAsked(state, from, (asked) => {
    if (asked.incarnation === undefined) return { ...asked, incarnation }
    return asked.incarnation === incarnation ? asked : undefined
  })
}

/** Whether this is about the question that is open. */
export function isOfQuestion({ memory: { question } }: BlockHolds, from: DeviceId, nonce: Nonce): boolean {
  return question?.nonce === nonce && question.asked.some(({ holder }) => holder === from)
}

/** A new hold, as the question asked for. It is taken once: when it comes again, it may have been released. */
export function takeConfirmation(
  state: BlockHolds,
  from: DeviceId,
  { nonce }: MessageOf<'hold'>,
  view: View,
): Transition {
  if (state.memory.question?.asked.some(({ holder, confirmed }) => holder === from && confirmed)) return act(state)
  const { memory } = withAsked(state, from, (asked) => ({ ...asked, confirmed: true }))
  return { memory, actions: replaceHold(state, from, nonce, view) }
}

/** Takes note of a refusal: who says no to the question does not count any more, whatever it said before. */
export function hearRefusal(state: BlockHolds, from: DeviceId, { nonce }: MessageOf<'refusal'>): BlockHolds {
  return isOfQuestion(state, from, nonce) ? withAsked(state, from, () => undefined) : state
}

/** Whether `finish` would do it. */
export function isReady(state: BlockHolds, view: View): boolean {
  const { record, memory } = state
  const { question } = memory
  if (question === undefined) return false
  if (question.aim === 'delete' && !(modeOf(record) === 'evicting' && record.promises.length === 0)) return false
  return areEnough(countedHolders(state, view), view)
}

/** Who gave the new hold that the open question asked for, and can be counted on. */
export function countedHolders({ record, memory: { question } }: BlockHolds, view: View): DeviceId[] {
  return (question?.asked ?? [])
    .filter(({ holder, confirmed }) => confirmed && view.isProven(holder))
    .filter(({ holder }) => holdOf(record, holder, question!.nonce)?.status === 'held')
    .map(({ holder }) => holder)
}

export function finish(state: BlockHolds, view: View): Transition {
  const { question } = state.memory
  if (question === undefined || !isReady(state, view)) return refuse(state, 'too-few-holders')
  const answered = { ...state, memory: { ...state.memory, question: undefined } }
  if (question.aim === 'rely') return act(answered)
  if (question.aim !== 'delete') return letGo(answered, question.aim.without, view)
  // The copy first: as soon as the record says `free`, the block may be promised to somebody.
  return act(answered, { kind: 'delete' }, persist({ ...state.record, evicting: false }))
}

/** Also of what was left by a crash or by an action that failed. Who has not answered need not keep what was asked for. */
export function giveUp({ record, memory }: BlockHolds, view: View): Transition {
  const { question } = memory
  const unanswered = question?.asked.filter(({ confirmed }) => !confirmed) ?? []
  return {
    memory: { ...memory, question: undefined },
    actions: [
      ...(record.evicting ? [persist({ ...record, evicting: false })] : []),
      ...unanswered.map(({ holder }) => releaseOf({ holder, nonce: question!.nonce }, view)),
    ],
  }
}

function beginQuestion(state: BlockHolds, { nonce, aim }: { nonce: Nonce; aim: Aim }, view: View): Transition {
  const { record, memory } = state
  if (memory.question !== undefined || record.evicting) return refuse(state, 'busy')
  const asked = holdersToAsk(state, typeof aim === 'object' ? aim.without : undefined, view)
  const holders = asked.map(({ holder }) => holder)
  if (!areEnough(holders, view)) return refuse(state, 'too-few-holders')
  return {
    memory: { ...memory, question: { nonce, aim, asked } },
    actions: [
      ...(aim === 'delete' ? [persist({ ...record, evicting: true })] : []),
      ...holders.map((holder) => send(holder, { kind: 'request', nonce })),
    ],
  }
}

/** Who holds by the record and proved it lately, each once. */
function holdersToAsk(
  { record }: BlockHolds,
  without: DeviceId | undefined,
  { self, ownerOf, isProven }: View,
): Asked[] {
  const holders = record.holds
    .filter(({ holder, status }) => status === 'held' && holder !== without && holder !== self)
    .filter(({ holder }) => ownerOf(holder) !== undefined && isProven(holder))
    .map(({ holder }) => holder)
  return [...new Set(holders)].map((holder) => ({ holder, incarnation: undefined, confirmed: false }))
}

/** Changes what is known of one holder that was asked; undefined: its word cannot count any more. */
function withAsked(state: BlockHolds, from: DeviceId, change: (asked: Asked) => Asked | undefined): BlockHolds {
  const { question } = state.memory
  if (question === undefined) return state
  const asked = question.asked.flatMap((one) => (one.holder === from ? (change(one) ?? []) : one))
  return { ...state, memory: { ...state.memory, question: { ...question, asked } } }
}
