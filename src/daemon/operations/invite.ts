/**
 * `invite`: in three steps, so that a person can confirm between them. A ticket is good for ten minutes of this machine's
 * running time and for one attempt; the personal key leaves this process only in the third step.
 */
import { randomBytes } from 'node:crypto'
import { DfsError } from '../../errors.ts'
import { ADDRESSES_MAX, formatTicket, TICKET_SECRET_BYTES } from '../../format/ticket.ts'
import { bufferOf, type WireJoinRequest } from '../../net/pairing/pairing-calls.ts'
import { signsForNetwork, vouchForDevice, vouchForOwner } from '../../net/vouching.ts'
import { digestOf } from '../../seal/hash.ts'
import type { Params, Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import type { NetworkService } from '../network-service.ts'
import { tellFolders } from '../sync/joining-folder.ts'
import type { Context } from './context.ts'

const TICKET_MS = 10 * 60_000

/** Makes a ticket. What was given out before is good for nothing from now on. */
export async function inviteStart(
  context: Context,
  { member = false }: Params<'inviteStart'>,
): Promise<Results['inviteStart']> {
  const network = await context.network()
  const home = context.home()
  requireSay(network, home.personalKey, member)
  const state = await network.start()
  const ticket = {
    device: home.identity.publicKey,
    network: network.membership.identity.network,
    secret: randomBytes(TICKET_SECRET_BYTES),
    forFriend: member,
    addresses: addressesOf(state.addresses),
  }
  context.pairing.invitation = { ticket, endMs: performance.now() + TICKET_MS }
  return { ticket: formatTicket(ticket, digestOf), seconds: TICKET_MS / 1000, device: home.deviceId }
}

/** Waits until a device comes with the ticket and shows that it holds it. */
export async function inviteWait(context: Context, { signal }: Call): Promise<Results['inviteWait']> {
  const { invitation } = context.pairing
  context.pairing.invitation = undefined
  if (invitation === undefined) throw new DfsError('invalid', 'there is no ticket to wait for', { op: 'invite' })
  const { ticket, endMs } = invitation
  const { network } = await context.network()
  const { deviceName: name } = context.home().config
  const params = { secret: ticket.secret, forFriend: ticket.forFriend, name, deadlineMs: endMs - performance.now() }
  const request = await network.call('pair.await', params, { signal })
  context.pairing.request = request
  return { device: request.deviceId, name: request.name, code: request.code }
}

/** Lets the device that waits in, or not. */
export async function inviteAnswer(
  context: Context,
  { accept }: Params<'inviteAnswer'>,
  { signal }: Call,
): Promise<Results['inviteAnswer']> {
  const { request } = context.pairing
  context.pairing.request = undefined
  if (request === undefined) throw new DfsError('invalid', 'no device waits to be let in', { op: 'invite' })
  const service = await context.network()
  const told = { device: request.deviceId, name: request.name, accepted: accept === true }
  if (accept !== true) {
    await service.network.call('pair.refuse', undefined)
    return told
  }
  const { personalKey, epoch } = context.home()
  await service.add(vouchFor(request, service, personalKey))
  if (!service.membership.isMember(request.deviceId)) {
    await service.network.call('pair.refuse', undefined)
    throw new DfsError('not-permitted', 'cannot be taken in: it was removed before, or there are too many', {
      op: 'invite',
      subject: request.deviceId,
      mend: 'make a new home there ("dfs init" with another DFS_HOME)',
    })
  }
  const key = request.asks.kind === 'own' ? { personalKey, epoch } : undefined
  await service.network.call('pair.grant', { key, statements: service.membership.statements() })
  await tellFolders(await context.parts(), signal)
  return told
}

function requireSay({ membership, isRemoved }: NetworkService, personalKey: Buffer, member: boolean): void {
  if (isRemoved) throw new DfsError('not-permitted', 'this device was removed from its network', { op: 'invite' })
  if (!member) return
  if (membership.identity.kind === 'public') {
    throw new DfsError('unsupported', 'the public network needs no invitation', {
      op: 'invite',
      mend: 'run "dfs init --public" there',
    })
  }
  if (signsForNetwork(membership, personalKey)) return
  throw new DfsError('not-permitted', 'only devices of the owner who founded the network may invite friends', {
    op: 'invite',
  })
}

function vouchFor({ name, asks }: WireJoinRequest, { membership }: NetworkService, personalKey: Buffer): Buffer[] {
  const { identity } = membership
  if (asks.kind === 'friend') {
    return [vouchForOwner(identity.network, personalKey, bufferOf(asks.owner), name), bufferOf(asks.statement)]
  }
  const { device, acceptance } = asks.device
  return [vouchForDevice(identity, personalKey, { device: bufferOf(device), acceptance: bufferOf(acceptance), name })]
}

/** Without the peer id, those that others can use first. */
function addressesOf(addresses: readonly string[]): string[] {
  const isLoopback = (address: string) => /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)
  const bare = [...new Set(addresses.map((address) => address.replace(/\/p2p\/[^/]+$/, '')))]
  return bare.sort((a, b) => Number(isLoopback(a)) - Number(isLoopback(b))).slice(0, ADDRESSES_MAX)
}
