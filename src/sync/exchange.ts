/**
 * The machine by which a device sends another what changed in its index of a folder, and takes what changed there.
 *
 * Pure: what it decides follows from the link, the input and what the view says; its actions are carried out one after
 * the other. Each side tells the other what it has of it, a cursor, and gets all entries beyond; a cursor is only moved
 * when all that it says is durably kept. So messages may be lost, doubled, late and out of order, and devices stop at
 * any point: at worst something is sent again, and merging it again changes nothing.
 *
 * What came from a device and is here as it came is not sent back to it: in the run that said it the device has that, and
 * whatever it merged it with. So a message is for one run of the receiver, and another one, which may have been set back,
 * does not take it.
 *
 * Whoever carries out the actions keeps two rules: what was changed here is durable before `changed` is said, and
 * `merge` has ended, with entries and cursor durable, before `kept` is.
 */
import assert from 'node:assert/strict'
import type { Cursor, SyncMessageBody } from '../format/sync-message.ts'
import type { NumberRange } from '../format/sync-record.ts'

/** What is known of one connection with a device, about one folder. Forgotten when it ends. */
export interface Link {
  /** The run of the other's index that this is about; undefined until it said hello. */
  readonly theirs: string | undefined
  /** What the other has or was sent; undefined until it said hello. */
  readonly sent: Cursor | undefined
  /** What it said that it has. */
  readonly acknowledged: Cursor | undefined
  /** Numbers up to which batches were sent that it did not say it has. */
  readonly underway: readonly number[]
  readonly isReading: boolean
  /** Numbers beyond what it acknowledged, ascending, of entries that this run of the other has, for they came from it. */
  readonly common: readonly NumberRange[]
}

/** This device's index, at the moment of the input. */
export interface View {
  readonly own: Cursor
  /** What is durably kept of the other's index. */
  readonly cursor: Cursor | undefined
  hasBeen(cursor: Cursor): boolean
  hasLost(cursor: Cursor): boolean
}

export type Input =
  | { readonly kind: 'connected' }
  | { readonly kind: 'message'; readonly message: SyncMessageBody }
  /** The index has changed. */
  | { readonly kind: 'changed' }
  /** What the action `read` asked for. */
  | { readonly kind: 'read'; readonly after: Cursor; readonly entries: readonly Buffer[]; readonly upTo: number }
  /** What the action `merge` asked for is durable, as it came under these numbers. */
  | { readonly kind: 'kept'; readonly common?: readonly NumberRange[] }
  /** Nothing was heard for a while. */
  | { readonly kind: 'idle' }

export type Action =
  | { readonly kind: 'send'; readonly message: SyncMessageBody }
  /** Reads the entries that changed after this; if there is a range, those with numbers in it alone. */
  | { readonly kind: 'read'; readonly after: Cursor; readonly within?: NumberRange }
  /** Merges these, encoded, into the index; then this is what is kept of the other's, unless undefined. */
  | { readonly kind: 'merge'; readonly entries: readonly Buffer[]; readonly cursor: Cursor | undefined }
  /** The other knows a state of this index that it has never been in: it was set back. It begins anew, and so do all links. */
  | { readonly kind: 'begin-anew'; readonly lost: Cursor }

export interface Transition {
  readonly link: Link
  readonly actions: readonly Action[]
}

export const NEW_LINK: Link = {
  theirs: undefined,
  sent: undefined,
  acknowledged: undefined,
  underway: [],
  isReading: false,
  common: [],
}

/** Batches that may be on their way at once. */
const UNDERWAY_MAX = 4

export function step(link: Link, input: Input, view: View): Transition {
  switch (input.kind) {
    case 'connected':
      return { link, actions: [sayHello(view, true)] }
    case 'message':
      return answer(link, input.message, view)
    case 'changed':
      return sendMore(link, view)
    case 'read':
      return sendRead(link, input, view)
    case 'kept': {
      const common = [...link.common, ...(input.common ?? [])]
      return {
        link: { ...link, common },
        actions: view.cursor === undefined ? [] : [send({ kind: 'kept', upTo: view.cursor })],
      }
    }
    case 'idle':
      return resume(link, view)
  }
}

function answer(link: Link, message: SyncMessageBody, view: View): Transition {
  switch (message.kind) {
    case 'hello':
      return hear(link, message, view)
    case 'entries':
      return take(link, message, view)
    case 'kept':
      return noteKept(link, message.upTo, view)
  }
}

type Hello = Extract<SyncMessageBody, { kind: 'hello' }>

function hear(link: Link, { own, known, wantsAnswer }: Hello, view: View): Transition {
  const isOurs = known !== undefined && view.hasBeen(known)
  if (known !== undefined && !isOurs && !view.hasLost(known)) {
    return { link, actions: [{ kind: 'begin-anew', lost: known }] }
  }
  const sent = isOurs ? known : { indexId: view.own.indexId, sequence: 0 }
  const common = own.indexId === link.theirs ? link.common : []
  const heard = { ...link, theirs: own.indexId, sent, acknowledged: sent, underway: [], common }
  const { link: next, actions } = sendMore(heard, view)
  return { link: next, actions: wantsAnswer ? [sayHello(view, false), ...actions] : actions }
}

function take(link: Link, message: Extract<SyncMessageBody, { kind: 'entries' }>, view: View): Transition {
  // Of another run, or for one: one of the two hellos was late.
  const isOfThese = message.upTo.indexId === link.theirs && message.to === view.own.indexId
  if (!isOfThese) return { link, actions: [sayHello(view, true)] }
  const { cursor } = view
  const { after, upTo, entries } = message
  if (!isKept(after, cursor)) return step(link, { kind: 'kept' }, view)
  const isNew = cursor?.indexId !== upTo.indexId || cursor.sequence < upTo.sequence
  return { link, actions: [{ kind: 'merge', entries, cursor: isNew ? upTo : undefined }] }
}

/** Whether all up to there is kept. */
function isKept(after: Cursor, cursor: Cursor | undefined): boolean {
  if (after.sequence === 0) return true
  return cursor !== undefined && cursor.indexId === after.indexId && cursor.sequence >= after.sequence
}

function noteKept(link: Link, kept: Cursor, view: View): Transition {
  const { sent, acknowledged } = link
  if (sent === undefined || acknowledged === undefined) return { link, actions: [] }
  const isOfThisRun = kept.indexId === view.own.indexId && kept.sequence <= sent.sequence
  // The other may have come by what it acknowledged under another id.
  const isNew = acknowledged.indexId !== kept.indexId || acknowledged.sequence < kept.sequence
  if (!isOfThisRun || !isNew) return { link, actions: [] }
  const underway = link.underway.filter((sequence) => sequence > kept.sequence)
  const common = link.common.filter(({ upTo }) => upTo > kept.sequence)
  return sendMore({ ...link, acknowledged: kept, underway, common }, view)
}

function sendMore(link: Link, view: View): Transition {
  const { sent, underway, isReading } = link
  if (sent === undefined || isReading || underway.length >= UNDERWAY_MAX || sent.sequence >= view.own.sequence) {
    return { link, actions: [] }
  }
  const from = pastCommon(link.common, sent.sequence)
  if (from >= view.own.sequence) return sendBatch(link, { after: sent, entries: [], upTo: from }, view)
  const next = link.common.find(({ after }) => after >= from)
  const isAll = from === sent.sequence && next === undefined
  const within = { after: from, upTo: next?.after ?? view.own.sequence }
  return {
    link: { ...link, isReading: true },
    actions: [isAll ? { kind: 'read', after: sent } : { kind: 'read', after: sent, within }],
  }
}

/** The number up to which the other has all that follows this one. */
function pastCommon(common: readonly NumberRange[], sequence: number): number {
  let past = sequence
  for (const { after, upTo } of common) if (after <= past) past = Math.max(past, upTo)
  return past
}

function sendRead(link: Link, read: Extract<Input, { kind: 'read' }>, view: View): Transition {
  const idle = { ...link, isReading: false }
  // What is to be sent next changed meanwhile.
  if (!isSame(link.sent, read.after)) return sendMore(idle, view)
  return sendBatch(idle, read, view)
}

type Batch = Pick<Extract<Input, { kind: 'read' }>, 'after' | 'entries' | 'upTo'>

function sendBatch(link: Link, { after, entries, upTo: sequence }: Batch, view: View): Transition {
  assert(link.theirs !== undefined, 'what it has was heard of the other')
  const upTo = { indexId: view.own.indexId, sequence }
  const message: SyncMessageBody = { kind: 'entries', to: link.theirs, after, upTo, entries }
  const { link: next, actions } = sendMore({ ...link, sent: upTo, underway: [...link.underway, sequence] }, view)
  return { link: next, actions: [send(message), ...actions] }
}

function isSame(a: Cursor | undefined, b: Cursor): boolean {
  return a !== undefined && a.indexId === b.indexId && a.sequence === b.sequence
}

/** What may have been lost is said again, from what the other then says that it has: more than it acknowledged, maybe. */
function resume(link: Link, view: View): Transition {
  if (link.theirs === undefined || link.underway.length > 0) return { link, actions: [sayHello(view, true)] }
  return sendMore(link, view)
}

function sayHello({ own, cursor }: View, wantsAnswer: boolean): Action {
  return send({ kind: 'hello', own, known: cursor, wantsAnswer })
}

function send(message: SyncMessageBody): Action {
  return { kind: 'send', message }
}
