/**
 * One run of `/dfs/members/1` over a channel to a device whose id the connection has authenticated: each shows that it
 * is a member, and if they know different statements, each tells the other all of its own.
 *
 * Whoever shows nothing that counts learns nothing but that it was removed, if it was.
 */
import { DfsError } from '../errors.ts'
import {
  decodeMembersMessage,
  encodeMembersMessage,
  MESSAGE_STATEMENTS_MAX,
  type MembersMessage,
} from '../format/members-message.ts'
import { STATEMENTS_MAX } from '../format/membership.ts'
import type { FrameChannel } from './framing.ts'
import { Membership } from './membership.ts'

export const MEMBERS_PROTOCOL = '/dfs/members/1'

/** `refused`: the other side does not count this device as a member. `stranger`: the other side is none. */
export type MembersOutcome = 'same' | 'exchanged' | 'refused' | 'stranger'

export interface MembersExchange {
  readonly membership: Membership
  /** Of this device. */
  readonly deviceId: string
  /** Of the other side. */
  readonly peerId: string
  /** Whether this side opened the channel, to whom it takes for a member; the other side waits to be shown that. */
  readonly opens: boolean
}

/**
 * What was heard is merged at the end and as one: a part of it may cut this very connection
 * off. Fails with `corrupt` if the other side speaks otherwise, and with what ended the channel.
 */
export async function exchangeMembers(channel: FrameChannel, parts: MembersExchange): Promise<MembersOutcome> {
  const { membership, deviceId, peerId, opens } = parts
  const frames = channel[Symbol.asyncIterator]()
  const [digest, known] = [membership.digest(), membership.statements()]
  const greet = () => send(channel, { kind: 'hello', digest, statements: membership.credentialOf(deviceId) })
  if (opens) await greet()

  const first = await receive(frames)
  if (first.kind === 'refused') return await end(channel, membership, 'refused', first.statements)
  if (first.kind !== 'hello') throw unexpected(first)
  if (!isShown(membership, peerId, first.statements)) {
    await send(channel, { kind: 'refused', statements: membership.removalOf(peerId, first.statements) })
    return await end(channel, membership, 'stranger', [])
  }
  if (!opens) await greet()

  const isSame = membership.identity.kind === 'public' || digest.equals(first.digest)
  // Both at once: two full sets are more than two channels hold.
  const [told] = await Promise.all([receiveAll(frames), sendAll(channel, isSame ? [] : known)])
  const outcome = told.isRefused ? 'refused' : isSame ? 'same' : 'exchanged'
  return await end(channel, membership, outcome, [...first.statements, ...told.statements])
}

async function end(
  channel: FrameChannel,
  membership: Membership,
  outcome: MembersOutcome,
  heard: readonly Buffer[],
): Promise<MembersOutcome> {
  await channel.close()
  membership.merge(heard)
  return outcome
}

/** Whether a device is a member, by what is known and what it shows. */
function isShown(membership: Membership, peerId: string, credential: readonly Buffer[]): boolean {
  if (membership.isMember(peerId)) return true
  return new Membership(membership.identity, [...membership.statements(), ...credential]).isMember(peerId)
}

async function sendAll(channel: FrameChannel, statements: readonly Buffer[]): Promise<void> {
  for (let start = 0; start < statements.length; start += MESSAGE_STATEMENTS_MAX) {
    await send(channel, { kind: 'statements', statements: statements.slice(start, start + MESSAGE_STATEMENTS_MAX) })
  }
  await send(channel, { kind: 'end' })
}

async function receiveAll(
  frames: AsyncIterator<Buffer>,
): Promise<{ isRefused: boolean; statements: readonly Buffer[] }> {
  const statements: Buffer[] = []
  for (;;) {
    const message = await receive(frames)
    if (message.kind === 'end') return { isRefused: false, statements }
    if (message.kind === 'refused') return { isRefused: true, statements: message.statements }
    if (message.kind !== 'statements' || statements.length > STATEMENTS_MAX) throw unexpected(message)
    statements.push(...message.statements)
  }
}

function send(channel: FrameChannel, message: MembersMessage): Promise<void> {
  return channel.send(encodeMembersMessage(message))
}

async function receive(frames: AsyncIterator<Buffer>): Promise<MembersMessage> {
  const { value, done } = await frames.next()
  if (done) throw new DfsError('unreachable', 'the other side ended the exchange', { op: 'members' })
  return decodeMembersMessage(value)
}

function unexpected({ kind }: MembersMessage): DfsError {
  return new DfsError('corrupt', `a message "${kind}" where none belongs`, { op: 'members' })
}
