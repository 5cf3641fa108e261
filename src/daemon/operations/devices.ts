/** `peers` and `devices`: who is in the network, who is there now, and removing devices. */
import { setTimeout as delay } from 'node:timers/promises'
import { decodeBase32, encodeBase32 } from '../../bytes/base32.ts'
import { DfsError } from '../../errors.ts'
import { publicKeyOf } from '../../format/device-id.ts'
import type { Member } from '../../net/member.ts'
import { nextEpoch, removeOther } from '../../net/vouching.ts'
import { newPersonalKey } from '../../seal/keys.ts'
import type { DeviceInfo, NetworkStatus, Params, Results } from '../control-api.ts'
import type { NetworkService } from '../network-service.ts'
import type { Context } from './context.ts'
import { kitOf } from './recovery-kit.ts'

/** How long a network that was just started may take to find somebody. */
const FIRST_PEER_MS = 4_000
const POLL_MS = 100

/** Starts the network if there is anybody to speak with. */
export async function peers(context: Context): Promise<Results['peers']> {
  const service = await context.network()
  const wasRunning = service.isRunning
  if (service.isUseful) {
    await service.start()
    if (!wasRunning && service.hasOthers) await awaitPeers(service)
  }
  const connected = service.isRunning ? await service.network.peers() : []
  const members = new Map(service.membership.members().map((member) => [member.deviceId, member]))
  return {
    network: await networkStatus(context),
    peers: connected.map(({ peerId, address, direction, connectedSince }) => ({
      device: peerId,
      name: members.get(peerId)?.name,
      address,
      direction,
      connectedSinceMs: connectedSince,
    })),
  }
}

export async function devices(context: Context): Promise<Results['devices']> {
  const service = await context.network()
  const connected = await connectedDevices(service)
  const { deviceId, ownerId } = context.home()
  const describe = (member: Member): DeviceInfo => ({
    device: member.deviceId,
    name: member.name,
    owner: member.ownerId,
    ownerName: member.ownerName,
    own: member.ownerId === ownerId,
    self: member.deviceId === deviceId,
    connected: connected.has(member.deviceId),
  })
  return { network: await networkStatus(context), devices: service.membership.members().map(describe).sort(inOrder) }
}

/** This device, then the owner's others, then friends', each by name: the same order every time. */
function inOrder(one: DeviceInfo, other: DeviceInfo): number {
  return (
    Number(other.self) - Number(one.self) ||
    Number(other.own) - Number(one.own) ||
    one.name.localeCompare(other.name) ||
    one.device.localeCompare(other.device)
  )
}

/** Removes one's own device and begins a new epoch; or a friend's device; or, by their id, a friend with all devices. */
export async function devicesRemove(
  context: Context,
  { id }: Params<'devicesRemove'>,
): Promise<Results['devicesRemove']> {
  const service = await context.network()
  const { membership } = service
  const home = context.home()
  service.startIfUseful()
  const members = membership.members()
  const removed = members.filter(({ deviceId, ownerId }) => deviceId === id || ownerId === id)
  const [first] = removed
  if (first === undefined) {
    throw new DfsError('not-found', 'is no device and no owner of this network', {
      subject: id,
      mend: 'see "dfs devices"',
    })
  }
  if (removed.some(({ deviceId }) => deviceId === home.deviceId)) {
    throw new DfsError('invalid', 'a device does not remove itself, nor its owner', {
      subject: id,
      mend: 'remove it from another of your devices',
    })
  }
  const told = removed.map(({ deviceId, name }) => ({ device: deviceId, name }))
  if (first.ownerId !== home.ownerId) {
    const device = id === first.deviceId ? publicKeyOf(first.deviceId) : undefined
    await service.add([removeOther(membership, home.personalKey, decodeBase32(first.ownerId), device)])
    return { removed: told, epoch: home.epoch }
  }
  const kit = await moveOn(context, service, publicKeyOf(first.deviceId)!)
  return { removed: told, epoch: home.epoch, kit }
}

/** Two devices that called each other at once may have two connections. */
async function connectedDevices(service: NetworkService): Promise<Set<string>> {
  return new Set(service.isRunning ? (await service.network.peers()).map(({ peerId }) => peerId) : [])
}

export async function networkStatus(context: Context): Promise<NetworkStatus> {
  const service = await context.network()
  const { identity } = service.membership
  const state = service.isRunning ? await service.network.state() : undefined
  return {
    id: encodeBase32(identity.network),
    kind: identity.kind,
    members: service.membership.members().length,
    removed: service.isRemoved,
    behind: service.isBehind,
    running: state !== undefined,
    port: state?.port,
    addresses: state?.addresses ?? [],
    connected: (await connectedDevices(service)).size,
  }
}

/** The new key is durable here before anybody hears of it: what is lost in between is said again at the next start. */
async function moveOn(context: Context, service: NetworkService, device: Buffer): Promise<string> {
  const home = context.home()
  const before = home.personalKey
  const newest = { personalKey: newPersonalKey(), epoch: home.epoch + 1 }
  if (!service.isCurrent) {
    throw new DfsError('stale', 'this device does not have the newest personal key yet', {
      op: 'remove device',
      mend: 'let it meet another of your devices, or remove from there',
    })
  }
  const statements = nextEpoch(service.membership, before, newest, [device])
  await service.advance(newest, [...home.olderKeys, { personalKey: before, epoch: home.epoch }])
  await service.add(statements)
  return kitOf(home)
}

/** Waits a little for somebody to be connected, or for all of `wanted`. */
export async function awaitPeers(service: NetworkService, wanted?: readonly string[]): Promise<void> {
  const end = performance.now() + FIRST_PEER_MS
  const isMet = async () => {
    const connected = await connectedDevices(service)
    return wanted === undefined ? connected.size > 0 : wanted.every((device) => connected.has(device))
  }
  while (performance.now() < end && !(await isMet())) await delay(POLL_MS)
}
