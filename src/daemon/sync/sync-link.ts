/**
 * One folder, with one other device while it is connected: runs the machine of `sync/exchange`, one input after the other.
 *
 * What is lost on the way is said again after a while. Whatever fails here, the link begins anew a little later, with
 * what is durable; so nothing that failed counts as said or kept. Entries that cannot be read end the link until the
 * device connects again, for the next ones could not be kept without them.
 */
import { Mutex } from '../../concurrency/mutex.ts'
import { Slices } from '../../concurrency/slices.ts'
import { DfsError, describeError } from '../../errors.ts'
import { decodeSyncEntry, type SyncEntry } from '../../format/sync-entry.ts'
import { type Cursor, SYNC_ENTRIES_BYTES, SYNC_ENTRIES_MAX, type SyncMessageBody } from '../../format/sync-message.ts'
import { logger } from '../../log.ts'
import type { Clock } from '../../net/exchange/clock.ts'
import { type Action, type Input, type Link, NEW_LINK, step } from '../../sync/exchange.ts'
import type { SyncIndex } from '../../sync/sync-index.ts'

const log = logger('sync')
const LIMITS = { entries: SYNC_ENTRIES_MAX, bytes: SYNC_ENTRIES_BYTES }
/** Messages that wait for their turn; the next one waits where it comes from. */
const WAITING_MAX = 4
/** Nothing is heard for so long before what may be lost is said again, or after a failure; twice as long each time. */
const SILENT_MS_MIN = 15_000
const SILENT_MS_MAX = 300_000

export interface SyncLinkOptions {
  readonly device: string
  /** Its state may be looked at; all that reads or writes goes through `use`. */
  readonly index: SyncIndex
  /** Fails with `aborted` once the index is taken away. */
  use<T>(work: () => Promise<T>): Promise<T>
  send(message: SyncMessageBody): Promise<void>
  /** Entries of the other were merged into the index, durably. */
  onTaken(): void
  /** Something was heard of the other, or is known no more: what `isSettled` says may have changed. */
  onHeard(): void
  /** The index is an older state of itself: begins it anew, and all links with it. */
  beginAnew(lost: Cursor): Promise<void>
  /** Tells somebody who minds what the daemon cannot mend. */
  complain(what: string): void
  readonly clock: Clock
}

export class SyncLink {
  readonly #options: SyncLinkOptions
  readonly #turns = new Mutex()
  readonly #slices = new Slices()
  #link: Link = NEW_LINK
  #state: 'open' | 'paused' | 'ended' = 'open'
  /** A change waits for its turn. */
  #isChanged = false
  /** Messages of which not all that they bring about is done yet, or that were so lately. */
  readonly #received: Promise<void>[] = []
  #silentMs = SILENT_MS_MIN
  /** Calls off what is done when nothing is heard. */
  #callOff: (() => void) | undefined

  constructor(options: SyncLinkOptions) {
    this.#options = options
  }

  /** Begins, or begins anew. */
  connect(): void {
    if (this.#state === 'ended') return
    this.#stopWaiting()
    this.#state = 'open'
    this.#link = NEW_LINK
    void this.#give({ kind: 'connected' })
  }

  /** The index was changed, durably. */
  changed(): void {
    if (this.#isChanged) return
    this.#isChanged = true
    void this.#give({ kind: 'changed' })
  }

  /** Resolves when the next message may come. */
  async receive(message: SyncMessageBody): Promise<void> {
    if (this.#state !== 'open') return
    this.#silentMs = SILENT_MS_MIN
    this.#stopWaiting()
    this.#received.push(this.#give({ kind: 'message', message }))
    if (this.#received.length > WAITING_MAX) await this.#received.shift()
  }

  /** Whether the other has said that it has all of the index. */
  get isSettled(): boolean {
    const { acknowledged } = this.#link
    return acknowledged !== undefined && acknowledged.sequence >= this.#options.index.own.sequence
  }

  /** Takes nothing in any more, and says nothing. */
  end(): void {
    this.#state = 'ended'
    this.#stopWaiting()
  }

  #give(input: Input): Promise<void> {
    return this.#turns.run(async () => {
      if (input.kind === 'changed') this.#isChanged = false
      if (this.#state !== 'open') return
      try {
        await this.#step(input)
      } catch (error) {
        this.#pause(error)
      }
      this.#waitIfNeeded()
      this.#options.onHeard()
    })
  }

  async #step(input: Input): Promise<void> {
    const { index, device, use } = this.#options
    const cursor = await use(() => index.readCursor(device))
    const { own } = index
    const view = {
      own,
      cursor,
      hasBeen: (one: Cursor) => index.hasBeen(one),
      hasLost: (one: Cursor) => index.hasLost(one),
    }
    const { link, actions } = step(this.#link, input, view)
    this.#link = link
    for (const action of actions) {
      if (this.#state !== 'open') return
      await this.#carryOut(action)
    }
  }

  async #carryOut(action: Action): Promise<void> {
    const { index, use, send, beginAnew } = this.#options
    switch (action.kind) {
      case 'send':
        return send(action.message)
      case 'read': {
        const { after, within } = action
        const limits = { ...LIMITS, upTo: within?.upTo }
        const read = await use(() => index.readChanges(within?.after ?? after.sequence, limits))
        return this.#step({ kind: 'read', after, ...read })
      }
      case 'merge':
        return this.#merge(action.entries, action.cursor)
      case 'begin-anew':
        return beginAnew(action.lost)
    }
  }

  async #merge(encoded: readonly Buffer[], cursor: Cursor | undefined): Promise<void> {
    const { device, index, use, onTaken, complain } = this.#options
    const entries = await this.#decode(encoded).catch((error) => {
      complain(`what ${device} says of a folder cannot be read: ${describeError(error)}`)
      this.end()
    })
    if (entries === undefined) return
    const before = index.own.sequence
    const common = await use(() => index.take(device, entries, cursor))
    if (index.own.sequence !== before) onTaken()
    await this.#step({ kind: 'kept', common })
  }

  async #decode(encoded: readonly Buffer[]): Promise<SyncEntry[]> {
    const entries: SyncEntry[] = []
    for (const bytes of encoded) {
      await this.#slices.next()
      entries.push(decodeSyncEntry(bytes))
    }
    return entries
  }

  #pause(error: unknown): void {
    if (this.#state !== 'open') return
    const { device, complain } = this.#options
    const what = `a folder is not exchanged with ${device} for now: ${describeError(error)}`
    if (isOfConnection(error)) log('%s', what)
    else complain(what)
    this.#state = 'paused'
    this.#stopWaiting()
    this.#afterSilence(() => this.connect())
  }

  /** Only while something was said, or asked, that the other has to answer. */
  #waitIfNeeded(): void {
    const { theirs, underway } = this.#link
    if (this.#state !== 'open') return
    if (theirs !== undefined && underway.length === 0) this.#stopWaiting()
    else if (this.#callOff === undefined) this.#afterSilence(() => void this.#give({ kind: 'idle' }))
  }

  #afterSilence(work: () => void): void {
    this.#callOff = this.#options.clock.after(this.#silentMs, () => {
      this.#callOff = undefined
      this.#silentMs = Math.min(SILENT_MS_MAX, 2 * this.#silentMs)
      work()
    })
  }

  #stopWaiting(): void {
    this.#callOff?.()
    this.#callOff = undefined
  }
}

/** What comes and goes with connections, and needs nobody to do anything. */
function isOfConnection(error: unknown): boolean {
  const kinds: readonly string[] = ['unreachable', 'timeout', 'aborted', 'unsupported', 'no-permission']
  return error instanceof DfsError && kinds.includes(error.kind)
}
