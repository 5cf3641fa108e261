/**
 * The side of whom space is lent to: asking for holds, and letting them go.
 *
 * Invariants: what the record calls `held` was promised and not let go, so its holder is bound; a hold is durably
 * `releasing` before its holder hears of it; no holder is let go on whom this device depends.
 */
import type { BlockHolds, DeviceId, Held, HoldMemory, HoldRecord, Nonce } from './state.ts'
import { type Action, act, type MessageOf, persist, refuse, send, type Transition, type View } from './transition.ts'

export function askHold(
  state: BlockHolds,
  { holder, nonce }: { holder: DeviceId; nonce: Nonce },
  view: View,
): Transition {
  const { requests } = state.memory
  if (holder === view.self || view.ownerOf(holder) === undefined) return refuse(state, 'no-member')
  if (requests.some((request) => request.holder === holder)) return refuse(state, 'busy')
  if (state.record.holds.some((hold) => hold.holder === holder && hold.status === 'held')) {
    return refuse(state, 'already-held')
  }
  const memory = { ...state.memory, requests: [...requests, { holder, nonce }] }
  return { memory, actions: [send(holder, { kind: 'request', nonce })] }
}

export function cancelRequest(state: BlockHolds, { holder }: { holder: DeviceId }, view: View): Transition {
  const request = state.memory.requests.find((one) => one.holder === holder)
  if (request === undefined) return act(state)
  return { memory: withoutRequest(state, request.nonce), actions: [releaseOf(request, view)] }
}

/** Only what is waited for is taken: a hold that comes late may have been released meanwhile. */
export function takeHold(state: BlockHolds, from: DeviceId, { nonce }: MessageOf<'hold'>, view: View): Transition {
  if (!isAwaited(state, from, nonce)) return act(state)
  const memory = withoutRequest(state, nonce)
  if (!dependsOnHolders(view)) return { memory, actions: replaceHold(state, from, nonce, view) }
  // The holder may have been set back since it said so, to when it had given the older one alone: both stay.
  return { memory, actions: [persist(withHold(state.record, from, nonce))] }
}

/** Writes a new hold down, in place of what the holder gave before. */
export function replaceHold({ record }: BlockHolds, holder: DeviceId, nonce: Nonce, view: View): Action[] {
  const { holds, releases } = releasing(record, holder, view)
  return [persist(withHold({ ...record, holds }, holder, nonce)), ...releases]
}

/** A holder that says that there is no such hold is believed. */
export function takeRefusal(state: BlockHolds, from: DeviceId, { nonce, reason }: MessageOf<'refusal'>): Transition {
  if (isAwaited(state, from, nonce)) return { memory: withoutRequest(state, nonce), actions: [] }
  const known = holdOf(state.record, from, nonce)
  if (known === undefined || reason !== 'no-such-hold') return act(state)
  return act(state, persist(forgetting(state.record, known)))
}

export function checkHold(state: BlockHolds, { holder, nonce }: { holder: DeviceId; nonce: Nonce }): Transition {
  const hold = state.record.holds.find((one) => one.holder === holder && one.status !== 'releasing')
  if (hold === undefined) return refuse(state, 'not-held')
  return act(state, send(holder, { kind: 'question', nonce, hold: hold.nonce }))
}

/** All holds of the holder count no more, as if it had asked to be let go. */
export function distrust(state: BlockHolds, { holder }: { holder: DeviceId }): Transition {
  const { record } = state
  const isDoubted = (hold: Held) => hold.holder === holder && hold.status === 'held'
  if (!record.holds.some(isDoubted)) return refuse(state, 'not-held')
  const holds = record.holds.map((hold) => (isDoubted(hold) ? { ...hold, status: 'leaving' as const } : hold))
  return act(state, persist({ ...record, holds }))
}

export function releaseHolder(state: BlockHolds, { holder }: { holder: DeviceId }, view: View): Transition {
  if (isBusy(state)) return refuse(state, 'busy')
  if (dependsOnHolders(view)) return refuse(state, 'needed')
  return letGo(state, holder, view)
}

/** The holder's holds are `releasing` from now on, and it is told. */
export function letGo(state: BlockHolds, holder: DeviceId, view: View): Transition {
  const { holds, releases } = releasing(state.record, holder, view)
  if (releases.length === 0) return refuse(state, 'not-held')
  return act(state, persist({ ...state.record, holds }), ...releases)
}

/** What is owed to devices that are no members any more is forgotten. */
export function repeatReleases(state: BlockHolds, view: View): Transition {
  const { record } = state
  const isMember = ({ holder }: Held) => view.ownerOf(holder) !== undefined
  const holds = record.holds.filter((hold) => hold.status !== 'releasing' || isMember(hold))
  const releases = holds.filter(({ status }) => status === 'releasing').map((hold) => releaseOf(hold, view))
  return act(state, ...(holds.length < record.holds.length ? [persist({ ...record, holds })] : []), ...releases)
}

export function takeReleased(state: BlockHolds, from: DeviceId, { hold }: MessageOf<'released'>): Transition {
  const known = holdOf(state.record, from, hold)
  if (known?.status !== 'releasing') return act(state)
  return act(state, persist(forgetting(state.record, known)))
}

/**
 * A holder asks to be let go: no eviction counts on it from now on. A hold that is not known is given back, unless this
 * device may depend on it: its record may be older than the hold.
 */
export function takeLeave(state: BlockHolds, from: DeviceId, { hold }: MessageOf<'leave'>, view: View): Transition {
  const { record } = state
  const known = holdOf(record, from, hold)
  if (known?.status === 'held') {
    const holds = record.holds.map((one) => (one === known ? { ...one, status: 'leaving' as const } : one))
    return act(state, persist({ ...record, holds }))
  }
  if (known?.status === 'leaving') return act(state)
  if (known === undefined && (isBusy(state) || dependsOnHolders(view))) return act(state)
  return { memory: withoutRequest(state, hold), actions: [releaseOf({ holder: from, nonce: hold }, view)] }
}

export function holdOf({ holds }: HoldRecord, holder: DeviceId, nonce: Nonce): Held | undefined {
  return holds.find((hold) => hold.holder === holder && hold.nonce === nonce)
}

function withHold(record: HoldRecord, holder: DeviceId, nonce: Nonce): HoldRecord {
  return { ...record, holds: [...record.holds, { holder, nonce, status: 'held' }] }
}

function forgetting(record: HoldRecord, hold: Held): HoldRecord {
  return { ...record, holds: record.holds.filter((one) => one !== hold) }
}

function dependsOnHolders({ isNeeded, hasBlock }: View): boolean {
  return isNeeded && !hasBlock
}

/** While holders are asked, none is let go. */
function isBusy({ record, memory }: BlockHolds): boolean {
  return record.evicting || memory.question !== undefined
}

function isAwaited({ memory }: BlockHolds, from: DeviceId, nonce: Nonce): boolean {
  return memory.requests.some((request) => request.holder === from && request.nonce === nonce)
}

function withoutRequest({ memory }: BlockHolds, nonce: Nonce): HoldMemory {
  return { ...memory, requests: memory.requests.filter((request) => request.nonce !== nonce) }
}

/** The holds with those of one holder let go, and what tells the holder. */
function releasing({ holds }: HoldRecord, holder: DeviceId, view: View): { holds: Held[]; releases: Action[] } {
  const isLetGo = (hold: Held) => hold.holder === holder && hold.status !== 'releasing'
  return {
    holds: holds.map((hold) => (isLetGo(hold) ? { ...hold, status: 'releasing' } : hold)),
    releases: holds.filter(isLetGo).map((hold) => releaseOf(hold, view)),
  }
}

export function releaseOf({ holder, nonce }: { holder: DeviceId; nonce: Nonce }, { self }: View): Action {
  return send(holder, { kind: 'release', requester: self, hold: nonce })
}
