/**
 * A protocol of messages on the node: carries them between members, and knows nothing of what they say.
 *
 * Each device sends on streams that it opened, one to each peer, and reads those that it was opened. Of each peer one
 * message at a time is handed on, and where there is a rate so many in a second: a peer that floods waits, and nobody
 * else does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { DfsError, describeError } from '../errors.ts'
import { logger } from '../log.ts'
import { type FrameChannel, streamChannel } from './framing.ts'
import type { DfsNode, ProtocolHandler } from './node.ts'
import { RateLimit } from './rate-limit.ts'

const log = logger('net')
const SEND_MS_MAX = 20_000
/** On one connection; one is needed, and another while it is replaced. */
const STREAMS_MAX = 2
const PAUSE_MS = 50

/** As it crosses between the threads. */
export interface MessageOfPeer {
  readonly peerId: string
  readonly message: Uint8Array
}

export interface MessageProtocol {
  readonly protocol: string
  /** Length of the longest message. */
  readonly bytesMax: number
  /** Of the messages of one peer. Default: the next comes once `onMessage` has resolved. */
  readonly rate?: { readonly perSecond: number; readonly burst: number }
}

export interface MessageStreamsOptions extends MessageProtocol {
  readonly node: Pick<DfsNode, 'handle' | 'open' | 'onMember'>
  /** Whom messages are taken of and sent to. Default: all members. */
  readonly isPartner?: (peerId: string) => boolean
  /** Resolves when the peer's next message may come; if it fails, the stream that the message came on ends. */
  readonly onMessage: (peerId: string, message: Buffer) => Promise<void>
}

interface Sending {
  channel: Promise<FrameChannel>
  /** Messages leave in their order. */
  tail: Promise<unknown>
}

export class MessageStreams {
  readonly #options: MessageStreamsOptions
  readonly #isPartner: (peerId: string) => boolean
  readonly #sending = new Map<string, Sending>()
  readonly #received: RateLimit | undefined
  readonly #turns = new Map<string, Promise<unknown>>()
  #endListening = () => {}

  constructor(options: MessageStreamsOptions) {
    const { isPartner = () => true, rate } = options
    this.#options = options
    this.#isPartner = isPartner
    this.#received = rate && new RateLimit(rate)
  }

  async start(): Promise<void> {
    const { node, protocol } = this.#options
    this.#endListening = node.onMember((peerId, isUp) => {
      if (!isUp) this.#forget(peerId, new DfsError('unreachable', 'the peer is gone', { subject: peerId }))
    })
    const read: ProtocolHandler = async (stream, peerId) => {
      this.#requirePartner(peerId)
      await this.#read(streamChannel(stream, this.#options), peerId)
    }
    await node.handle(protocol, read, { streamsMax: STREAMS_MAX })
  }

  /** Resolves once the message is on its way. Fails with `unreachable`, `timeout`, `unsupported`, `no-permission`. */
  async send(peerId: string, message: Uint8Array): Promise<void> {
    this.#requirePartner(peerId)
    const sending = this.#sending.get(peerId) ?? this.#open(peerId)
    const sent = sending.tail.catch(() => undefined).then(() => this.#sendOn(peerId, message))
    sending.tail = sent
    await sent
  }

  stop(): void {
    this.#endListening()
    const error = new DfsError('aborted', 'the network is shutting down', { op: this.#options.protocol })
    for (const peerId of [...this.#sending.keys()]) this.#forget(peerId, error)
  }

  #requirePartner(peerId: string): void {
    if (this.#isPartner(peerId)) return
    const { protocol } = this.#options
    throw new DfsError('no-permission', 'is no device that this is spoken with', { op: protocol, subject: peerId })
  }

  async #sendOn(peerId: string, message: Uint8Array): Promise<void> {
    const isOld = this.#sending.has(peerId)
    try {
      await this.#write(peerId, message)
    } catch (error) {
      // A stream that stood for long may have ended unseen.
      if (!isOld) throw error
      log('%s to %s: %s', this.#options.protocol, peerId, describeError(error))
      await this.#write(peerId, message)
    }
  }

  async #write(peerId: string, message: Uint8Array): Promise<void> {
    const sending = this.#sending.get(peerId) ?? this.#open(peerId)
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      const { protocol } = this.#options
      late.reject(new DfsError('timeout', 'the peer takes no message', { op: protocol, subject: peerId }))
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
    const { node, protocol, bytesMax } = this.#options
    const signal = AbortSignal.timeout(SEND_MS_MAX)
    const channel = node.open(peerId, protocol, { signal }).then((stream) => streamChannel(stream, { bytesMax }))
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
      while (this.#received?.take(peerId) === false) await delay(PAUSE_MS)
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
