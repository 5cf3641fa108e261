/**
 * `join`: in two steps, so that the code can be shown while the person at the other device compares it. Nothing of
 * the home changes before the network has let this device in.
 */

import { hostname } from 'node:os'
import { DfsError, describeError } from '../../errors.ts'
import { deviceIdOf } from '../../format/device-id.ts'
import { encodeTicket, parseTicket, type Ticket } from '../../format/ticket.ts'
import { warn } from '../../log.ts'
import type { NetworkIdentity } from '../../net/member.ts'
import { Membership } from '../../net/membership.ts'
import { olderKeysOf } from '../../net/older-keys.ts'
import { bufferOf, type WireJoined } from '../../net/pairing/pairing-calls.ts'
import { vouchForSelf } from '../../net/vouching.ts'
import { digestOf } from '../../seal/hash.ts'
import { newPersonalKey } from '../../seal/keys.ts'
import { ownerKeyOf } from '../../seal/owner-keys.ts'
import { signingKeyOfSeed } from '../../seal/signing.ts'
import { isHome } from '../address.ts'
import type { Params, Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import type { Home, NewHome } from '../home.ts'
import type { NetworkService } from '../network-service.ts'
import { tellFolders } from '../sync/joining-folder.ts'
import type { Context, Joining } from './context.ts'
import { describeHome, protect } from './init.ts'
import { kitOf } from './recovery-kit.ts'

/** Reaches the inviting device; gives the code to compare. */
export async function joinStart(
  context: Context,
  params: Params<'joinStart'>,
  { signal }: Call,
): Promise<Results['joinStart']> {
  const ticket = parseTicket(params.ticket, digestOf)
  const present = isHome(context.homeDir) ? context.home() : undefined
  if (present !== undefined) await requireFree(context, present, ticket)
  await endJoining(context)

  await protect(context, params.passphrase)
  const seed = await context.keyFiles.makeIdentity()
  const name = params.name ?? present?.config.deviceName ?? hostname()
  const personalKey = ticket.forFriend ? (present?.personalKey ?? newPersonalKey()) : undefined
  const owner = personalKey === undefined ? Buffer.alloc(32) : ownerKeyOf(personalKey).publicKey
  const identity: NetworkIdentity = { kind: 'private', network: ticket.network, owner }
  const statement = personalKey && vouchForSelf(identity, personalKey, signingKeyOfSeed(seed), name)

  // The network of a home that is there stops first: two nodes cannot share the store of peers.
  await (await contextNetwork(context))?.stop()
  const { openPairing } = await import('../daemon.ts')
  const network = openPairing(context.homeDir, seed, identity)
  const { promise: coded, resolve: onCode, reject } = Promise.withResolvers<{ code: string; inviter: string }>()
  try {
    await network.start()
    const joined = network.call('pair.join', { ticket: encodeTicket(ticket), name, statement }, { onPart: onCode })
    joined.catch(reject)
    context.pairing.joining = { network, ticket, joined, personalKey, name: params.name }
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    return await coded
  } catch (error) {
    context.pairing.joining = undefined
    await network.stop()
    throw error
  }
}

/** Waits for the confirmation at the inviting device, and makes the home. */
export async function joinFinish(context: Context, { signal }: Call): Promise<Results['joinFinish']> {
  const { joining } = context.pairing
  if (joining === undefined) throw new DfsError('invalid', 'nothing is being joined', { op: 'join' })
  const hungUp = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => hungUp.reject(signal.reason), { once: true })
  try {
    const joined = await Promise.race([joining.joined, hungUp.promise])
    const isNew = !isHome(context.homeDir)
    const home = await takeIn(context, joining, joined)
    await joining.network.call('pair.confirm', undefined)
    await endJoining(context)
    const service = await context.network()
    await service.add(joined.statements.map(bufferOf))
    await meet(service, joining.ticket)
    await tellFolders(await context.parts(), signal)
    const kit = isNew && joining.personalKey !== undefined ? kitOf(home) : undefined
    return { ...describeHome(home, isNew), kit, members: service.membership.members().length }
  } finally {
    await endJoining(context)
  }
}

/** Connects with the inviting device, which the home is to find again later; that this fails does not undo the joining. */
async function meet(service: NetworkService, { device, addresses }: Ticket): Promise<void> {
  const peerId = deviceIdOf(device)
  try {
    await service.start()
    await service.network.call(
      'members.remember',
      addresses.map((address) => `${address}/p2p/${peerId}`),
    )
  } catch (error) {
    warn(`joined, but cannot connect yet: ${describeError(error)}`)
  }
}

async function takeIn(context: Context, joining: Joining, joined: WireJoined): Promise<Home> {
  const newHome = homeOf(joining, joined)
  return isHome(context.homeDir) ? context.renewHome(newHome) : context.createHome(newHome)
}

function homeOf(
  { ticket, personalKey: own, name: deviceName }: Joining,
  { identity, key, statements }: WireJoined,
): NewHome {
  const [network, inviter] = [bufferOf(identity.network), bufferOf(identity.owner)]
  if (own !== undefined) {
    return { personalKey: own, deviceName, network: { kind: 'private', network, owner: ownerKeyOf(own).publicKey } }
  }
  if (key === undefined || ticket.forFriend) throw new DfsError('corrupt', 'no key was granted', { op: 'join' })
  const granted: NetworkIdentity = { kind: identity.kind, network, owner: inviter }
  const membership = new Membership(granted, statements.map(bufferOf))
  const newest = { personalKey: bufferOf(key.personalKey), epoch: key.epoch }
  return { ...newest, older: olderKeysOf(membership, newest), deviceName, network: granted }
}

/** A home may move to another network, or another personal key, only if nothing is lost by that. */
async function requireFree(context: Context, home: Home, ticket: Ticket): Promise<void> {
  const { membership, hasOthers } = await context.network()
  if (membership.isMember(home.deviceId) && ticket.network.equals(membership.identity.network) && hasOthers) {
    throw new DfsError('exists', 'this device is in that network already', { op: 'join', subject: home.dir })
  }
  const mend = 'set DFS_HOME to a new directory, and join there'
  if (membership.identity.kind === 'public' || hasOthers) {
    throw new DfsError('exists', 'this home is in a network with other devices', {
      op: 'join',
      subject: home.dir,
      mend,
    })
  }
  if (home.folders.list().length > 0) {
    throw new DfsError('exists', 'this home has folders, sealed with its own key', {
      op: 'join',
      subject: home.dir,
      mend,
    })
  }
}

async function contextNetwork(context: Context) {
  return isHome(context.homeDir) ? await context.network() : undefined
}

async function endJoining({ pairing }: Context): Promise<void> {
  const { joining } = pairing
  pairing.joining = undefined
  await joining?.network.stop()
}
