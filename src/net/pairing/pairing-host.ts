/**
 * Pairing in the network's worker: one invitation at a time, good for one attempt; or one joining.
 *
 * `/dfs/pair/1` is open to strangers only while an invitation waits. The first message on it, whatever it is, uses the
 * invitation up; streams that say nothing do not, and a few of them are borne.
 */
import { DfsError } from '../../errors.ts'
import { deviceIdOf, publicKeyOf } from '../../format/device-id.ts'
import { PAIRING_MESSAGE_BYTES_MAX } from '../../format/pairing-message.ts'
import { decodeTicket, type Ticket } from '../../format/ticket.ts'
import { type SigningKey, signingKeyOfSeed } from '../../seal/signing.ts'
import { streamChannel } from '../framing.ts'
import type { NetworkIdentity } from '../member.ts'
import type { DfsNode } from '../node.ts'
import type { CallContext, Handlers } from '../rpc.ts'
import { grantJoiner, hearJoiner, type JoinRequest, refuseJoiner } from './invite.ts'
import { confirmJoined, joinNetwork } from './join.ts'
import { PAIR_PROTOCOL, PairingMessages } from './messages.ts'
import { bufferOf, type PairingCalls, type WireGrant, type WireJoined, type WireJoinRequest } from './pairing-calls.ts'

/** Streams on one connection that may wait to say something. */
const STREAMS_MAX = 2
const DIAL_MS_MAX = 20_000

export interface PairingHostOptions {
  node: () => DfsNode
  identity: NetworkIdentity
  identitySeed: Uint8Array
}

interface Invitation {
  readonly secret: Buffer
  readonly forFriend: boolean
  readonly name: string
  readonly settle: PromiseWithResolvers<JoinRequest>
}

type Asked<M extends keyof PairingCalls> = PairingCalls[M]['params']

export class PairingHost {
  readonly #node: () => DfsNode
  readonly #identity: NetworkIdentity
  readonly #device: SigningKey
  #invitation: Invitation | undefined
  /** The other end, between two calls. */
  #waiting: PairingMessages | undefined

  constructor({ node, identity, identitySeed }: PairingHostOptions) {
    this.#node = node
    this.#identity = identity
    this.#device = signingKeyOfSeed(bufferOf(identitySeed))
  }

  handlers(): Handlers<PairingCalls> {
    return {
      'pair.await': (params, { signal }) => this.#awaitJoiner(params, signal),
      'pair.grant': (grant) => this.#withWaiting((messages) => grantJoiner(messages, grantOf(grant))),
      'pair.refuse': () => this.#withWaiting(refuseJoiner),
      'pair.join': (params, context) => this.#join(params, context),
      'pair.confirm': () => this.#withWaiting(confirmJoined),
    }
  }

  async #awaitJoiner(params: Asked<'pair.await'>, signal: AbortSignal): Promise<WireJoinRequest> {
    if (this.#invitation !== undefined) {
      throw new DfsError('busy', 'another invitation waits', { op: 'invite', mend: 'end it first' })
    }
    const settle = Promise.withResolvers<JoinRequest>()
    const { secret, forFriend, name, deadlineMs } = params
    this.#invitation = { secret: bufferOf(secret), forFriend, name, settle }
    const timer = setTimeout(() => settle.reject(expired()), deadlineMs)
    const onAbort = () => settle.reject(new DfsError('aborted', 'the invitation was taken back', { op: 'invite' }))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await this.#node().handle(PAIR_PROTOCOL, (stream, peerId) => this.#attempt(messagesOn(stream), peerId), {
        membersOnly: false,
        streamsMax: STREAMS_MAX,
      })
      return await settle.promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      this.#invitation = undefined
      await this.#node().unhandle(PAIR_PROTOCOL)
    }
  }

  async #attempt(messages: PairingMessages, peerId: string): Promise<void> {
    const frame = await messages.firstFrame()
    const invitation = this.#invitation
    const joiner = publicKeyOf(peerId)
    if (invitation === undefined || joiner === undefined) throw expired()
    this.#invitation = undefined
    try {
      const inviter = { ...invitation, identity: this.#identity, device: this.#device.publicKey, joiner }
      const request = await hearJoiner(messages, frame, inviter)
      this.#waiting = messages
      invitation.settle.resolve(request)
    } catch (error) {
      invitation.settle.reject(error)
      throw error
    }
  }

  async #join(
    params: Asked<'pair.join'>,
    { signal, part }: CallContext<PairingCalls['pair.join']['part']>,
  ): Promise<WireJoined> {
    const ticket = decodeTicket(bufferOf(params.ticket))
    const messages = await this.#reach(ticket, signal)
    const onAbort = () => messages.abort(new DfsError('aborted', 'joining was given up', { op: 'join' }))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const joined = await joinNetwork(messages, {
        ticket,
        device: this.#device,
        name: params.name,
        statement: params.statement && bufferOf(params.statement),
        onCode: (code, inviter) => part({ code, inviter }),
      })
      this.#waiting = messages
      return { ...joined, statements: [...joined.statements] }
    } catch (error) {
      messages.abort(error as Error)
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Tries the ticket's addresses one after the other. Fails with `unreachable` if nobody is there. */
  async #reach({ device, addresses }: Ticket, signal: AbortSignal): Promise<PairingMessages> {
    const failures: unknown[] = []
    for (const address of addresses) {
      try {
        const stream = await this.#node().open(`${address}/p2p/${deviceIdOf(device)}`, PAIR_PROTOCOL, {
          membersOnly: false,
          signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS_MAX)]),
        })
        return messagesOn(stream)
      } catch (error) {
        signal.throwIfAborted()
        failures.push(error)
      }
    }
    throw new DfsError('unreachable', 'the inviting device cannot be reached', {
      op: 'join',
      subject: addresses.join(', '),
      mend: '"dfs invite" must still be waiting there, and its port must be open to this device',
      cause: new AggregateError(failures),
    })
  }

  async #withWaiting(work: (messages: PairingMessages) => Promise<void>): Promise<void> {
    const messages = this.#waiting
    if (messages === undefined) throw new DfsError('invalid', 'no device waits', { op: 'pair' })
    this.#waiting = undefined
    try {
      await work(messages)
    } catch (error) {
      messages.abort(error as Error)
      throw error
    }
  }
}

function messagesOn(stream: Parameters<typeof streamChannel>[0]): PairingMessages {
  return new PairingMessages(streamChannel(stream, { bytesMax: PAIRING_MESSAGE_BYTES_MAX }))
}

function grantOf({ key, statements }: WireGrant) {
  return {
    key: key && { personalKey: bufferOf(key.personalKey), epoch: key.epoch },
    statements: statements.map(bufferOf),
  }
}

function expired(): DfsError {
  return new DfsError('timeout', 'nobody came with the ticket in time', {
    op: 'invite',
    mend: 'run "dfs invite" again',
  })
}
