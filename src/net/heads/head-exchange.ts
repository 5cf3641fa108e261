/**
 * `/dfs/heads/1`: heads on their way to who keeps them, and back to their owner. One question on each stream. What is kept,
 * and for whom, the main thread decides.
 */
import { DfsError } from '../../errors.ts'
import {
  decodeHeadsMessage,
  encodeHeadsMessage,
  HEADS_MESSAGE_BYTES_MAX,
  type HeadsMessage,
} from '../../format/heads-message.ts'
import { type FrameChannel, streamChannel } from '../framing.ts'
import type { DfsNode } from '../node.ts'
import { OWNER_STATEMENTS_MAX } from '../owner-record.ts'
import { bufferOf } from '../pairing/pairing-calls.ts'
import { RateLimit } from '../rate-limit.ts'
import type { WireHeadAnswer } from './head-calls.ts'

const PROTOCOL = '/dfs/heads/1'
const MS_MAX = 60_000
/** On one connection. */
const STREAMS_MAX = 4
/** Each costs a signature to check and a disk sync, or many records to be sent. */
const QUESTIONS = { perSecond: 1, burst: 30 }

export interface HeadExchangeOptions {
  readonly node: DfsNode
  given(peerId: string, record: Uint8Array): Promise<WireHeadAnswer>
  wanted(peerId: string, owner: Uint8Array): Promise<readonly Uint8Array[]>
}

export class HeadExchange {
  readonly #options: HeadExchangeOptions
  readonly #limit = new RateLimit(QUESTIONS)

  constructor(options: HeadExchangeOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    await this.#options.node.handle(
      PROTOCOL,
      async (stream, peerId) => {
        if (!this.#limit.take(peerId)) throw new DfsError('busy', 'asks too often', { op: 'heads', subject: peerId })
        await this.#answer(channelOn(stream), peerId)
      },
      { streamsMax: STREAMS_MAX },
    )
  }

  /** Gives a head to a member to keep. Fails as opening a stream does, and with `corrupt` if the other side speaks otherwise. */
  async give(peerId: string, record: Buffer): Promise<WireHeadAnswer> {
    for await (const message of this.#question(peerId, { kind: 'give', record })) {
      if (message.kind === 'kept') return 'kept'
      if (message.kind === 'have') return { have: Uint8Array.from(message.record) }
      if (message.kind === 'refused') return { refused: message.reason }
      throw unexpected(message)
    }
    throw ended()
  }

  /** The records that a member has of an owner, unchecked. Fails in the same ways. */
  async ask(peerId: string, owner: Buffer): Promise<Uint8Array[]> {
    const records: Uint8Array[] = []
    for await (const message of this.#question(peerId, { kind: 'ask', owner })) {
      if (message.kind === 'end') return records
      if (message.kind !== 'record' || records.length >= OWNER_STATEMENTS_MAX) throw unexpected(message)
      records.push(Uint8Array.from(message.record))
    }
    throw ended()
  }

  async *#question(peerId: string, question: HeadsMessage): AsyncGenerator<HeadsMessage> {
    const stream = await this.#options.node.open(peerId, PROTOCOL, { signal: AbortSignal.timeout(MS_MAX) })
    const channel = channelOn(stream)
    try {
      await channel.send(encodeHeadsMessage(question))
      for await (const frame of channel) yield decodeHeadsMessage(frame)
    } finally {
      await channel.close()
    }
  }

  async #answer(channel: FrameChannel, peerId: string): Promise<void> {
    for await (const frame of channel) {
      const question = decodeHeadsMessage(frame)
      if (question.kind === 'give') await this.#keep(channel, peerId, question.record)
      else if (question.kind === 'ask') await this.#tell(channel, peerId, question.owner)
      else throw unexpected(question)
      await channel.close()
      return
    }
  }

  async #keep(channel: FrameChannel, peerId: string, record: Buffer): Promise<void> {
    const answer = await this.#options.given(peerId, Uint8Array.from(record))
    if (answer === 'kept') await channel.send(encodeHeadsMessage({ kind: 'kept' }))
    else if ('have' in answer) await channel.send(encodeHeadsMessage({ kind: 'have', record: bufferOf(answer.have) }))
    else await channel.send(encodeHeadsMessage({ kind: 'refused', reason: answer.refused }))
  }

  async #tell(channel: FrameChannel, peerId: string, owner: Buffer): Promise<void> {
    for (const record of await this.#options.wanted(peerId, Uint8Array.from(owner))) {
      await channel.send(encodeHeadsMessage({ kind: 'record', record: bufferOf(record) }))
    }
    await channel.send(encodeHeadsMessage({ kind: 'end' }))
  }
}

function channelOn(stream: Parameters<typeof streamChannel>[0]): FrameChannel {
  return streamChannel(stream, { bytesMax: HEADS_MESSAGE_BYTES_MAX, signal: AbortSignal.timeout(MS_MAX) })
}

function unexpected({ kind }: HeadsMessage): DfsError {
  return new DfsError('corrupt', `a message "${kind}" where none belongs`, { op: 'heads' })
}

function ended(): DfsError {
  return new DfsError('unreachable', 'the other side ended the exchange', { op: 'heads' })
}
