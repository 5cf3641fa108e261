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
import type { Membership } from './membership.ts'

export const MEMBERS_PROTOCOL = '/dfs/members/1'

/** `refused`: the other side does not count this device as a member. */
export type MembersOutcome = 'same' | 'exchanged' | 'refused'

export interface MembersExchange {
  readonly membership: Membership
  /** Of this device. */
  readonly deviceId: string
  /** Of the other side. */
  readonly peerId: string
}

/**
 * Both sides call this alike. Fails with `not-permitted` if the other side is no member, `corrupt` if it speaks otherwise,
 * and with what ended the channel.
 */
export async function exchangeMembers(channel: FrameChannel, parts: MembersExchange): Promise<MembersOutcome> {
  const { membership, deviceId, peerId } = parts
  const frames = channel[Symbol.asyncIterator]()
  const digest = membership.digest()
  await send(channel, { kind: 'hello', digest, statements: membership.credentialOf(deviceId) })

  const first = await receive(frames)
  if (first.kind === 'refused') {
    membership.merge(first.statements)
    await channel.close()
    return 'refused'
  }
  if (first.kind !== 'hello') throw unexpected(first)
  // Before merging: this side's set is what its digest was of.
  const known = membership.statements()
  membership.merge(first.statements)
  if (!membership.isMember(peerId)) {
    await send(channel, { kind: 'refused', statements: membership.removalOf(peerId, first.statements) })
    await channel.close()
    throw new DfsError('not-permitted', 'the device is no member of this network', { op: 'members', subject: peerId })
  }

  const isSame = membership.identity.kind === 'public' || digest.equals(first.digest)
  // Both at once: two full sets are more than two channels hold.
  const [told] = await Promise.all([receiveAll(frames), sendAll(channel, isSame ? [] : known)])
  // As one: statements lean on others that may come later.
  membership.merge(told.statements)
  await channel.close()
  if (told.isRefused) return 'refused'
  return isSame ? 'same' : 'exchanged'
}

async function sendAll(channel: FrameChannel, statements: readonly Buffer[]): Promise<void> {
  for (let start = 0; start < statements.length; start += MESSAGE_STATEMENTS_MAX) {
    await send(channel, { kind: 'statements', statements: statements.slice(start, start + MESSAGE_STATEMENTS_MAX) })
  }
  await send(channel, { kind: 'end' })
}

async function receiveAll(frames: AsyncIterator<Buffer>): Promise<{ isRefused: boolean; statements: readonly Buffer[] }> {
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
