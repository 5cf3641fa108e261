/**
 * One peer as the exchange asks it: its channels, what is on the way from it, how fast it is, and how likely it has
 * what we look for.
 *
 * Wants go to the direct channel while there is one, else to the stream. A want whose channel ends fails by itself;
 * the link has ended when its stream has.
 */
import { DfsError } from '../../errors.ts'
import type { Message } from '../../format/message.ts'
import type { FrameChannel } from '../framing.ts'
import { type Asked, type Asker, AskingChannel, type AskingEvents } from './asking-channel.ts'
import type { Clock } from './clock.ts'

/** A want that is open at a peer. */
export interface Asking {
  cancel(): void
  prefer(from: number, to: number): void
}

const RATE_FIRST_BYTES_PER_MS = 10_000
const RATE_MEASURED_MS = 20
const RATE_WEIGHT = 0.3
const WINDOW_MS = 300
const WINDOW_BYTES_MIN = 2 * 1024 * 1024
const WINDOW_BYTES_MAX = 32 * 1024 * 1024
const AFFINITY_WEIGHT = 0.3
/** Wants beyond this wait here; below what a server takes. */
const OPEN_MAX = 512

export class PeerLink {
  readonly peerId: string
  readonly #clock: Clock
  readonly #stream: AskingChannel
  #direct: AskingChannel | undefined
  #openWants = 0
  #pendingBytes = 0
  /** How likely it has the next block: 1 after many hits, 0 after many misses. */
  #affinity = 0.5
  #rate = RATE_FIRST_BYTES_PER_MS
  #measured = { sinceMs: 0, bytes: 0 }
  #heardMs = 0
  readonly #onEnded: AskingEvents['onEnded'][] = []
  #end: Parameters<AskingEvents['onEnded']> | undefined

  constructor(peerId: string, channel: FrameChannel, { clock, onMessage, onEnded }: AskingEvents & { clock: Clock }) {
    this.peerId = peerId
    this.#clock = clock
    this.#onEnded.push(onEnded)
    this.#stream = new AskingChannel(channel, {
      onMessage,
      onEnded: (...end) => {
        this.#end = end
        this.#direct?.abort(end[0])
        for (const listener of this.#onEnded) listener(...end)
      },
    })
  }

  /** Tells of the link's end, once, even if it has ended already. */
  onEnded(listener: AskingEvents['onEnded']): void {
    if (this.#end !== undefined) listener(...this.#end)
    else this.#onEnded.push(listener)
  }

  get isOpen(): boolean {
    return this.#stream.isOpen
  }

  get isDirect(): boolean {
    return this.#direct !== undefined
  }

  get affinity(): number {
    return this.#affinity
  }

  /** More would only wait at the peer, where it cannot be put into another order any more. */
  get isFull(): boolean {
    const window = Math.min(WINDOW_BYTES_MAX, Math.max(WINDOW_BYTES_MIN, this.#rate * WINDOW_MS))
    return this.#pendingBytes >= window || this.#openWants >= OPEN_MAX
  }

  /** When the peer last answered anything that it was asked. */
  get heardMs(): number {
    return this.#heardMs
  }

  /** Milliseconds until so many more bytes would have come, as it looks now. */
  expectedMs(bytes: number): number {
    return (this.#pendingBytes + bytes) / this.#rate
  }

  noteStalled(): void {
    this.#rate = Math.max(1, this.#rate / 2)
  }

  ask(asked: Asked, asker: Asker): Asking {
    const channel = this.#direct ?? this.#stream
    if (asked.mode === 'probe') {
      const id = channel.ask(asked, asker)
      return { cancel: () => channel.cancel(id), prefer: () => {} }
    }
    let left = asked.blockBytes
    this.#begin(left)
    const end = (found: boolean | undefined) => {
      this.#openWants--
      this.#pendingBytes -= left
      left = 0
      if (found !== undefined) this.#heardMs = this.#clock.now()
      if (found !== undefined) this.#affinity += AFFINITY_WEIGHT * (Number(found) - this.#affinity)
    }
    const id = channel.ask(asked, {
      ...(asker.into !== undefined && { into: asker.into }),
      onPiece: (from, to) => {
        left -= to - from
        this.#notePiece(to - from)
        asker.onPiece?.(from, to)
      },
      onWhole: () => {
        end(true)
        asker.onWhole?.()
      },
      onMissing: () => {
        end(false)
        asker.onMissing()
      },
      onFailed: (error) => {
        end(undefined)
        asker.onFailed(error)
      },
    })
    return {
      cancel: () => {
        if (channel.cancel(id)) end(undefined)
      },
      prefer: (from, to) => channel.prefer(id, from, to),
    }
  }

  send(message: Message): void {
    this.#stream.send(message)
  }

  /** From now on wants go over this channel, as long as it lasts. A peer that breaks the rules there loses the link. */
  useDirect(channel: FrameChannel): void {
    const direct = new AskingChannel(channel, {
      onEnded: (error, isViolation) => {
        if (this.#direct === direct) this.#direct = undefined
        if (isViolation) this.#stream.abort(error, isViolation)
      },
    })
    if (this.isOpen) this.#direct = direct
    else direct.abort(new DfsError('unreachable', 'the link has ended'))
  }

  /** Ends the link: every open want fails. */
  close(error: Error): void {
    this.#stream.abort(error)
  }

  #begin(bytes: number): void {
    if (this.#openWants === 0) this.#measured = { sinceMs: this.#clock.now(), bytes: 0 }
    this.#openWants++
    this.#pendingBytes += bytes
  }

  #notePiece(bytes: number): void {
    this.#pendingBytes -= bytes
    this.#heardMs = this.#clock.now()
    const measured = this.#measured
    measured.bytes += bytes
    const elapsedMs = this.#clock.now() - measured.sinceMs
    if (elapsedMs < RATE_MEASURED_MS) return
    this.#rate += RATE_WEIGHT * (Math.max(1, measured.bytes / elapsedMs) - this.#rate)
    this.#measured = { sinceMs: this.#clock.now(), bytes: 0 }
  }
}
