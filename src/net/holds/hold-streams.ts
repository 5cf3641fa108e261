/**
 * `/dfs/holds/1` on the node: carries messages between members, and knows nothing of what they say.
 *
 * Each device sends on streams that it opened, one to each peer, and reads those that it was opened. Of each peer one
 * message at a time is handed on, and so many in a second: a peer that floods waits, and nobody else does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { DfsError, describeError } from '../../errors.ts'
import { HOLDS_MESSAGE_BYTES_MAX } from '../../format/hold-message.ts'
import { logger } from '../../log.ts'
import { type FrameChannel, streamChannel } from '../framing.ts'
import type { DfsNode } from '../node.ts'
import { RateLimit } from '../rate-limit.ts'

const log = logger('holds')
export const HOLDS_PROTOCOL = '/dfs/holds/1'
const SEND_MS_MAX = 20_000
/** On one connection; one is needed, and another while it is replaced. */
const STREAMS_MAX = 2
const MESSAGES = { perSecond: 20, burst: 100 }
const PAUSE_MS = 50

export interface HoldStreamsOptions {
  readonly node: Pick<DfsNode, 'handle' | 'unhandle' | 'open' | 'onMember'>
  /** Resolves when the peer's next message may come; fails if it was none. */
  readonly onMessage: (peerId: string, message: Buffer) => Promise<void>
}

interface Sending {
  channel: Promise<FrameChannel>
  /** Messages leave in their order. */
  tail: Promise<unknown>
}

export class HoldStreams {
  readonly #options: HoldStreamsOptions
  readonly #sending = new Map<string, Sending>()
  readonly #received = new RateLimit(MESSAGES)
  readonly #turns = new Map<string, Promise<unknown>>()
  #endListening = () => {}

  constructor(options: HoldStreamsOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { node } = this.#options
    this.#endListening = node.onMember((peerId, isUp) => {
      if (!isUp) this.#forget(peerId, new DfsError('unreachable', 'the peer is gone', { subject: peerId }))
    })
    const read = (channel: FrameChannel, peerId: string) => this.#read(channel, peerId)
    await node.handle(
      HOLDS_PROTOCOL,
      (stream, peerId) => read(streamChannel(stream, { bytesMax: HOLDS_MESSAGE_BYTES_MAX }), peerId),
      { streamsMax: STREAMS_MAX },
    )
  }

  /** Resolves once the message is on its way. Fails with `unreachable`, `timeout`, `unsupported`, `no-permission`. */
  send(peerId: string, message: Uint8Array): Promise<void> {
    const sending = this.#sending.get(peerId) ?? this.#open(peerId)
    const sent = sending.tail.catch(() => undefined).then(() => this.#sendOn(peerId, message))
    sending.tail = sent
    sent.catch(() => undefined)
    return sent
  }

  stop(): void {
    this.#endListening()
    const error = new DfsError('aborted', 'the network is shutting down', { op: 'hold' })
    for (const peerId of [...this.#sending.keys()]) this.#forget(peerId, error)
  }

  async #sendOn(peerId: string, message: Uint8Array): Promise<void> {
    const isOld = this.#sending.has(peerId)
    try {
      await this.#write(peerId, message)
    } catch (error) {
      // A stream that stood for long may have ended unseen.
      if (!isOld) throw error
      log('%s: %s', peerId, describeError(error))
      await this.#write(peerId, message)
    }
  }

  async #write(peerId: string, message: Uint8Array): Promise<void> {
    const sending = this.#sending.get(peerId) ?? this.#open(peerId)
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      late.reject(new DfsError('timeout', 'the peer takes no message', { op: 'hold', subject: peerId }))
    }, SEND_MS_MAX)
    try {
      await Promise.race([sending.channel.then((channel) => channel.send(message)), late.promise])
    } catch (error) {
      this.#forget(peerId, error as Error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #open(peerId: string): Sending {
    const signal = AbortSignal.timeout(SEND_MS_MAX)
    const channel = this.#options.node
      .open(peerId, HOLDS_PROTOCOL, { signal })
      .then((stream) => streamChannel(stream, { bytesMax: HOLDS_MESSAGE_BYTES_MAX }))
    channel.catch(() => undefined)
    const sending = { channel, tail: Promise.resolve() }
    this.#sending.set(peerId, sending)
    return sending
  }

  #forget(peerId: string, error: Error): void {
    const sending = this.#sending.get(peerId)
    this.#sending.delete(peerId)
    void sending?.channel.then((channel) => channel.abort(error)).catch(() => undefined)
  }

  async #read(channel: FrameChannel, peerId: string): Promise<void> {
    for await (const message of channel) {
      while (!this.#received.take(peerId)) await delay(PAUSE_MS)
      await this.#handOn(peerId, message)
    }
    await channel.close()
  }

  /** After what came of the same peer before, on whichever stream. */
  async #handOn(peerId: string, message: Buffer): Promise<void> {
    const turn = (this.#turns.get(peerId) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#options.onMessage(peerId, message))
    this.#turns.set(peerId, turn)
    try {
      await turn
    } finally {
      if (this.#turns.get(peerId) === turn) this.#turns.delete(peerId)
    }
  }
}
