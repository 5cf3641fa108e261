/** Pairing messages over a channel: one at a time, each in its turn and in time. */
import { DfsError } from '../../errors.ts'
import { decodePairingMessage, encodePairingMessage, type PairingMessage } from '../../format/pairing-message.ts'
import type { FrameChannel } from '../framing.ts'

export const PAIR_PROTOCOL = '/dfs/pair/1'
/** How long a machine may take to answer; people have as long as the ticket. */
export const ANSWER_MS_MAX = 15_000

type Kind = PairingMessage['kind']

export class PairingMessages {
  readonly #channel: FrameChannel
  readonly #frames: AsyncIterator<Buffer>

  constructor(channel: FrameChannel) {
    this.#channel = channel
    this.#frames = channel[Symbol.asyncIterator]()
  }

  send(message: PairingMessage): Promise<void> {
    return this.#channel.send(encodePairingMessage(message))
  }

  /** The bytes of the first message: whatever they are, they are an attempt. Fails with `timeout`, and as the channel ends. */
  async firstFrame(): Promise<Buffer> {
    const { value, done } = await this.#inTime(this.#frames.next(), ANSWER_MS_MAX)
    if (done) throw ended()
    return value
  }

  /**
   * The next message, which must be of one of these kinds. Fails with `no-permission` if the other side refuses,
   * `corrupt` if it says anything else, `timeout` after `deadlineMs`, and with what ended the channel.
   */
  async receive<K extends Kind>(
    kinds: readonly K[],
    deadlineMs = ANSWER_MS_MAX,
  ): Promise<Extract<PairingMessage, { kind: K }>> {
    const { value, done } = await this.#inTime(this.#frames.next(), deadlineMs)
    if (done) throw ended()
    return requireKind(decodePairingMessage(value), kinds)
  }

  /** Resolves when the other side has said all; nothing more is to come. */
  async awaitEnd(): Promise<void> {
    const { done } = await this.#inTime(this.#frames.next(), ANSWER_MS_MAX)
    if (!done) throw new DfsError('corrupt', 'a message where none belongs', { op: 'pair' })
  }

  close(): Promise<void> {
    return this.#channel.close()
  }

  abort(error: Error): void {
    this.#channel.abort(error)
  }

  async #inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
    const timer = setTimeout(() => {
      this.#channel.abort(new DfsError('timeout', 'the other device did not answer in time', { op: 'pair' }))
    }, deadlineMs)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }
}

export function requireKind<K extends Kind>(
  message: PairingMessage,
  kinds: readonly K[],
): Extract<PairingMessage, { kind: K }> {
  if ((kinds as readonly Kind[]).includes(message.kind)) return message as Extract<PairingMessage, { kind: K }>
  if (message.kind === 'refused') {
    throw new DfsError('no-permission', 'the inviting device refused', {
      op: 'pair',
      mend: 'a ticket is good for one attempt: ask for a new one, and compare the code',
    })
  }
  throw new DfsError('corrupt', `a message "${message.kind}" where none belongs`, { op: 'pair' })
}

function ended(): DfsError {
  return new DfsError('unreachable', 'the other device ended the pairing', {
    op: 'pair',
    mend: 'try again with a new ticket',
  })
}
