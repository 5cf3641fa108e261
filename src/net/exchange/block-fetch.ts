/**
 * One block on its way here: who was asked, who has it, and what has come.
 *
 * A block comes whole from one peer, so that it is known who lied. Who stays silent too long is hedged by one other, and
 * makes room for a third if that one is silent too; who fails or lacks the block is replaced at once. None of these is
 * asked again for it, but who was lost and is back. The caller's buffer is written to until the fetch settles, then never again.
 */

import type { Cid } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { digestOfCid } from '../../format/cid.ts'
import { digestOf } from '../../seal/hash.ts'
import type { Clock } from './clock.ts'
import type { Asking, PeerLink } from './peer-link.ts'

export interface BlockRequest {
  readonly cid: Cid
  /** Where the block goes; as long as the block. */
  readonly into: Buffer
  /** Somebody waits for these bytes. Undefined: nobody waits yet. */
  readonly first?: { readonly from: number; readonly to: number } | undefined
  readonly root?: Cid | undefined
  /** Bytes of `into` have come, unchecked. */
  readonly onPart?: ((from: number, to: number) => void) | undefined
}

/** What a fetch asks of the exchange that runs it. */
export interface FetchRunner {
  readonly clock: Clock
  /** Without so much as PROGRESS_BYTES in this time, the fetch fails. */
  readonly timeoutMs: number
  /** Gives it another peer when one can take it. */
  enqueue(fetch: BlockFetch): void
  /** Gives it one more peer, at once or as soon as one is found: those that it asks are silent. */
  hedge(fetch: BlockFetch): void
  /** The peer owes bytes, and sends none for longer than it should. */
  suspect(link: PeerLink): void
  /** The peer sent bytes that are not the block. */
  accuse(link: PeerLink, error: Error): void
  settled(fetch: BlockFetch): void
}

interface Attempt {
  readonly link: PeerLink
  readonly asking: Asking
  readonly into: Buffer
  /** Nothing has come for longer than it should. */
  isStalled: boolean
  callOff: () => void
}

const PROGRESS_BYTES = 64 * 1024
const ATTEMPTS_MAX = 2
const SILENCE_MS_MIN = 400
const SILENCE_MS_MAX = 3000

export class BlockFetch {
  readonly cid: Cid
  readonly digest: Buffer
  readonly root: Cid | undefined
  readonly done: Promise<void>
  readonly #request: BlockRequest
  readonly #runner: FetchRunner
  readonly #attempts = new Map<string, Attempt>()
  /** Peers that lack the block, failed or lied. */
  readonly #excluded = new Set<string>()
  /** Of these, whose link was lost. */
  readonly #lost = new Set<string>()
  /** Peers that said that they have it. */
  readonly #holders = new Set<string>()
  #first: { readonly from: number; readonly to: number } | undefined
  #progressBytes = 0
  #deadline: (() => void) | undefined
  #settle: { resolve(): void; reject(error: Error): void }
  #isSettled = false

  constructor(request: BlockRequest, runner: FetchRunner) {
    this.#request = request
    this.#runner = runner
    this.#first = request.first
    this.cid = request.cid
    this.digest = digestOfCid(request.cid)
    this.root = request.root
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.done = promise
    this.done.catch(() => {})
    this.#settle = { resolve, reject }
  }

  get blockBytes(): number {
    return this.#request.into.length
  }

  get isUrgent(): boolean {
    return this.#first !== undefined
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  get isAsking(): boolean {
    return this.#attempts.size > 0
  }

  mayAsk(peerId: string): boolean {
    return !this.#excluded.has(peerId) && !this.#attempts.has(peerId)
  }

  isHolder(peerId: string): boolean {
    return this.#holders.has(peerId)
  }

  noteHolder(peerId: string): void {
    this.#holders.add(peerId)
    this.#excluded.delete(peerId)
  }

  noteMissing(peerId: string): void {
    this.#holders.delete(peerId)
    this.#excluded.add(peerId)
  }

  /** There is a new link to the peer. */
  noteBack(peerId: string): void {
    if (this.#lost.delete(peerId)) this.#excluded.delete(peerId)
  }

  /** Somebody waits for these bytes from now on. */
  prefer(from: number, to: number): void {
    this.#first = { from, to }
    for (const { asking } of this.#attempts.values()) asking.prefer(from, to)
  }

  /** Asks a peer. At most two are asked at a time; of two that are silent, the first makes room. */
  ask(link: PeerLink): void {
    if (this.#isSettled || !this.mayAsk(link.peerId) || !this.#makeRoom()) return
    this.startDeadline()
    const { into } = this.#request
    const isTaken = [...this.#attempts.values()].some((attempt) => attempt.into === into)
    const target = isTaken ? Buffer.allocUnsafe(into.length) : into
    const { from, to } = this.#first ?? { from: 0, to: 0 }
    const mode = this.isUrgent ? 'urgent' : 'bulk'
    const asking = link.ask(
      { digest: this.digest, blockBytes: into.length, mode, from, to },
      {
        into: target,
        onPiece: (from, to) => this.#onPiece(attempt, from, to),
        onWhole: () => this.#onWhole(attempt),
        onMissing: () => this.#onLost(attempt),
        onFailed: () => {
          this.#lost.add(link.peerId)
          this.#onLost(attempt)
        },
      },
    )
    const attempt: Attempt = { link, asking, into: target, isStalled: false, callOff: () => {} }
    this.#attempts.set(link.peerId, attempt)
    this.#watch(attempt)
  }

  /** From now on the fetch ends in bounded time. */
  startDeadline(): void {
    if (this.#deadline === undefined && !this.#isSettled) this.#renewDeadline()
  }

  fail(error: Error): void {
    if (!this.#end()) return
    this.#settle.reject(error)
  }

  #onPiece(attempt: Attempt, from: number, to: number): void {
    this.#progressBytes += to - from
    if (this.#progressBytes >= PROGRESS_BYTES) this.#renewDeadline()
    this.#watch(attempt)
    if (attempt.into === this.#request.into) this.#request.onPart?.(from, to)
  }

  #onWhole(attempt: Attempt): void {
    if (!digestOf(attempt.into).equals(this.digest)) {
      const message = 'the peer sent bytes that are not the block it was asked for'
      const error = new DfsError('corrupt', message, { op: 'fetch', subject: this.cid })
      this.#onLost(attempt)
      this.#runner.accuse(attempt.link, error)
      return
    }
    // The others are called off first: nobody writes into the buffer after this.
    if (!this.#end()) return
    if (attempt.into !== this.#request.into) this.#request.into.set(attempt.into)
    this.#settle.resolve()
  }

  #onLost(attempt: Attempt): void {
    attempt.callOff()
    this.#attempts.delete(attempt.link.peerId)
    this.noteMissing(attempt.link.peerId)
    if (this.#isSettled) return
    if (this.#attempts.size === 0) this.#runner.enqueue(this)
    else if (this.#areAllSilent()) this.#runner.hedge(this)
  }

  #areAllSilent(): boolean {
    return [...this.#attempts.values()].every(({ isStalled }) => isStalled)
  }

  /** Lets go of the first peer asked if all are silent. False if there is no room for another. */
  #makeRoom(): boolean {
    if (this.#attempts.size < ATTEMPTS_MAX) return true
    if (!this.#areAllSilent()) return false
    const first = this.#attempts.values().next().value!
    first.asking.cancel()
    this.#attempts.delete(first.link.peerId)
    this.noteMissing(first.link.peerId)
    return true
  }

  /** Asks another peer too if this one stays silent for longer than it should. */
  #watch(attempt: Attempt): void {
    attempt.callOff()
    attempt.isStalled = false
    const expectedMs = 2 * attempt.link.expectedMs(0) + SILENCE_MS_MIN
    attempt.callOff = this.#runner.clock.after(Math.min(SILENCE_MS_MAX, expectedMs), () => {
      attempt.isStalled = true
      this.#runner.suspect(attempt.link)
      this.#runner.hedge(this)
    })
  }

  #renewDeadline(): void {
    this.#deadline?.()
    this.#progressBytes = 0
    const { clock, timeoutMs } = this.#runner
    this.#deadline = clock.after(timeoutMs, () => {
      const message = `no peer has delivered the block within ${Math.round(timeoutMs / 1000)} seconds`
      this.fail(new DfsError('timeout', message, { op: 'fetch', subject: this.cid }))
    })
  }

  /** Calls everything off; false if it was settled before. */
  #end(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#deadline?.()
    for (const { asking, callOff } of this.#attempts.values()) {
      callOff()
      asking.cancel()
    }
    this.#attempts.clear()
    this.#runner.settled(this)
    return true
  }
}
