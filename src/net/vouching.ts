/**
 * What whoever holds an owner's personal key may say about membership, ready signed: founding a network, taking owners
 * and devices in, removing them, and moving on to a new key.
 */
import { DfsError } from '../errors.ts'
import type { DeviceStatement } from '../format/membership.ts'
import { fitName } from '../format/name.ts'
import { networkKeyOf, ownerKeyOf, sealOlderKey } from '../seal/owner-keys.ts'
import type { SigningKey } from '../seal/signing.ts'
import type { NetworkIdentity } from './member.ts'
import type { Membership } from './membership.ts'
import { acceptOwner, signDevice, signStatement, signSuccession } from './signed-statement.ts'

/** A device as it asks to be taken in: `acceptance` is its signature. */
export type NewDevice = Pick<DeviceStatement, 'device' | 'acceptance' | 'name'>

/** One's own private network and its first owner, both named by the keys of epoch 0. */
export function privateNetworkOf(personalKey: Buffer): NetworkIdentity {
  return {
    kind: 'private',
    network: networkKeyOf(personalKey).publicKey,
    owner: ownerKeyOf(personalKey).publicKey,
  }
}

/** Takes a device of one's own in. */
export function vouchForDevice({ network, owner }: NetworkIdentity, personalKey: Buffer, device: NewDevice): Buffer {
  return signDevice({ kind: 'device', network, owner, ...device, name: fitName(device.name) }, ownerKeyOf(personalKey))
}

/** The device that this is, taken in by its owner. */
export function vouchForSelf(identity: NetworkIdentity, personalKey: Buffer, device: SigningKey, name: string): Buffer {
  const acceptance = acceptOwner(identity.network, identity.owner, device)
  return vouchForDevice(identity, personalKey, { device: device.publicKey, acceptance, name })
}

/** Takes an owner in; counts only if the personal key is that of who founded the network. */
export function vouchForOwner(network: Buffer, personalKey: Buffer, owner: Buffer, name: string): Buffer {
  return signStatement({ kind: 'owner', network, owner, name: fitName(name) }, networkKeyOf(personalKey))
}

/** Whether whoever holds this personal key signs for the network. */
export function signsForNetwork(membership: Membership, personalKey: Buffer): boolean {
  return membership.identity.kind === 'private' && networkKeyOf(personalKey).publicKey.equals(membership.networkKey)
}

/**
 * Removes a friend's device, or a friend. Fails with `not-permitted` unless the personal key is that of who founded the
 * network. One's own devices are removed by `nextEpoch`.
 */
export function removeOther(membership: Membership, personalKey: Buffer, owner: Buffer, device?: Buffer): Buffer {
  if (!signsForNetwork(membership, personalKey)) {
    throw new DfsError('not-permitted', 'only devices of the owner who founded the network may remove others', {
      op: 'remove device',
    })
  }
  const { network } = membership.identity
  const key = networkKeyOf(personalKey)
  return device === undefined
    ? signStatement({ kind: 'remove-owner', network, owner }, key)
    : signStatement({ kind: 'remove-device', network, owner, device }, key)
}

/**
 * Moves on from the personal key of `epoch` - 1 to a new one, without the devices `without` (their keys): names the
 * keys that follow, and signs anew all that stays.
 */
export function nextEpoch(
  membership: Membership,
  older: Buffer,
  { personalKey, epoch }: { personalKey: Buffer; epoch: number },
  without: readonly Buffer[],
): Buffer[] {
  const { network, owner } = membership.identity
  const [ownerBefore, networkBefore] = [ownerKeyOf(older), networkKeyOf(older)]
  const [ownerAfter, networkAfter] = [ownerKeyOf(personalKey), networkKeyOf(personalKey)]
  const sealedOlder = sealOlderKey(older, personalKey, epoch)
  const { owners, devices, removals } = membership.counting()
  const isGone = (device: Buffer) => without.some((gone) => gone.equals(device))

  const ofOwner = [
    signSuccession({ kind: 'succeed-owner', network, owner, epoch, sealedOlder }, ownerBefore, ownerAfter),
    ...without.map((device) => signStatement({ kind: 'remove-device', network, owner, device }, ownerAfter)),
    ...devices
      .filter((one) => one.owner.equals(owner) && !isGone(one.device))
      .map((one) => signDevice(one, ownerAfter)),
    ...removals
      .filter(({ signer }) => signer.equals(ownerBefore.publicKey))
      .map((one) => signStatement(one, ownerAfter)),
  ]
  if (!signsForNetwork(membership, older)) return ofOwner
  const after = membership.networkEpoch + 1
  return [
    ...ofOwner,
    signSuccession({ kind: 'succeed-network', network, epoch: after }, networkBefore, networkAfter),
    ...owners.map((one) => signStatement(one, networkAfter)),
    ...removals
      .filter(({ signer }) => signer.equals(networkBefore.publicKey))
      .map((one) => signStatement(one, networkAfter)),
  ]
}
