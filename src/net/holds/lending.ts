/**
 * The lender's side: giving holds, standing by them, and being let go.
 *
 * Invariants: a hold is durable before its requester hears of it; it ends by a release that names its nonce, or, once
 * its term is over or its owner was removed, when space is short; while there is one, the block stays.
 */
import type { RefusalReason } from '../../format/hold-message.ts'
import type { BlockHolds, DeviceId, Promised } from './state.ts'
import { act, type MessageOf, persist, refuse, send, type Transition, type View } from './transition.ts'

/**
 * Holds of one block for one requester. Between two of them there is a moment with both; more come of answers that were
 * lost, and of copies of a request that come late.
 */
export const PROMISES_PER_REQUESTER_MAX = 4
/** The shortest term that is worth promising: a device may be away for a year. 400 days. */
export const HOLD_TERM_MS = 400 * 24 * 60 * 60 * 1000
/** A term that would grow by less is left as it is: each renewal is a sync of the disk. */
const RENEWAL_MS_MIN = 24 * 60 * 60 * 1000

/** Answers a request: with a hold, also if it was given before. */
export function giveHold(state: BlockHolds, from: DeviceId, { nonce }: MessageOf<'request'>, view: View): Transition {
  const refusal = (reason: RefusalReason) => act(state, send(from, { kind: 'refusal', nonce, reason }))
  const owner = view.ownerOf(from)
  if (owner === undefined) return refusal('no-member')
  if (state.record.evicting) return refusal('evicting')
  if (!view.hasBlock) return refusal('no-block')
  const answer = send(from, { kind: 'hold', nonce })
  const given = promiseTo(state, from, nonce)
  if (given !== undefined) return act(state, ...renewal(state, given, view), answer)
  const others = state.record.promises.filter(({ requester }) => requester === from)
  if (others.length >= PROMISES_PER_REQUESTER_MAX) return refusal('too-many')
  const promise = { requester: from, owner, nonce, endsMs: view.nowMs + view.termMs }
  return act(state, persist({ ...state.record, promises: [...state.record.promises, promise] }), answer)
}

/** Answers whether a hold still stands; if it does, its term begins anew. */
export function confirmHold(
  state: BlockHolds,
  from: DeviceId,
  { nonce, hold }: MessageOf<'question'>,
  view: View,
): Transition {
  const promise = promiseTo(state, from, hold)
  if (promise === undefined) return act(state, send(from, { kind: 'refusal', nonce: hold, reason: 'no-such-hold' }))
  if (!view.hasBlock) return act(state, send(from, { kind: 'refusal', nonce: hold, reason: 'no-block' }))
  return act(state, ...renewal(state, promise, view), send(from, { kind: 'confirmation', nonce, hold }))
}

/**
 * Takes a release: from the requester itself or, if that is no member any more, from any device of the same owner. Of
 * a hold that is not known it is acknowledged, too: it was released before.
 */
export function takeRelease(
  state: BlockHolds,
  from: DeviceId,
  { requester, hold }: MessageOf<'release'>,
  view: View,
): Transition {
  const answer = send(from, { kind: 'released', hold })
  const promise = promiseTo(state, requester, hold)
  if (promise === undefined) return act(state, answer)
  const isHeir = view.ownerOf(requester) === undefined && view.ownerOf(from) === promise.owner
  if (from !== requester && !isHeir) return act(state)
  const promises = state.record.promises.filter((one) => one !== promise)
  return act(state, persist({ ...state.record, promises }), answer)
}

export function askToLeave(state: BlockHolds): Transition {
  const { promises } = state.record
  return act(state, ...promises.map(({ requester, nonce }) => send(requester, { kind: 'leave', hold: nonce })))
}

export function forgetExpired(state: BlockHolds, view: View): Transition {
  const promises = state.record.promises.filter(
    ({ endsMs, owner }) => view.nowMs < endsMs && !view.isOwnerRemoved(owner),
  )
  if (promises.length === state.record.promises.length) return act(state)
  return act(state, persist({ ...state.record, promises }))
}

/** A block that is needed is not dropped but evicted: for that there must be holders. */
export function drop(state: BlockHolds, view: View): Transition {
  const { evicting, promises } = state.record
  if (evicting) return refuse(state, 'busy')
  if (promises.length > 0) return refuse(state, 'holding')
  if (view.isNeeded) return refuse(state, 'needed')
  return view.hasBlock ? act(state, { kind: 'delete' }) : refuse(state, 'no-block')
}

function promiseTo({ record }: BlockHolds, requester: DeviceId, nonce: string): Promised | undefined {
  return record.promises.find((promise) => promise.requester === requester && promise.nonce === nonce)
}

function renewal({ record }: BlockHolds, promise: Promised, { nowMs, termMs }: View) {
  const endsMs = nowMs + termMs
  if (endsMs - promise.endsMs < RENEWAL_MS_MIN) return []
  const promises = record.promises.map((one) => (one === promise ? { ...one, endsMs } : one))
  return [persist({ ...record, promises })]
}
