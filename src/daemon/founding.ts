/**
 * What a device may say of the network by itself when it starts: that its owner is in it, and that it is its owner's.
 * Says nothing that is said already.
 */

import type { Membership } from '../net/membership.ts'
import { nextEpoch, signsForNetwork, vouchForOwner, vouchForSelf } from '../net/vouching.ts'
import { ownerKeyOf } from '../seal/owner-keys.ts'
import type { Home } from './home.ts'

/** Adds what is to be said to the membership; nothing if this home's key has no say (any more). */
export function found(home: Home, membership: Membership): void {
  const { identity } = membership
  const first = home.olderKeys[0]?.personalKey ?? home.personalKey
  if (membership.ownerKey(identity.owner) === undefined && signsForNetwork(membership, first)) {
    membership.merge([vouchForOwner(identity.network, first, identity.owner, home.config.deviceName)])
  }
  catchUp(home, membership)
  const current = membership.ownerKey(identity.owner)?.key ?? identity.owner
  if (!membership.isMember(home.deviceId) && current.equals(ownerKeyOf(home.personalKey).publicKey)) {
    membership.merge([vouchForSelf(identity, home.personalKey, home.identity, home.config.deviceName)])
  }
}

/** The epochs that the home has moved on to and the members have not been told of, because something stopped in between. */
function catchUp(home: Home, membership: Membership): void {
  const line = [...home.olderKeys, { personalKey: home.personalKey, epoch: home.epoch }]
  for (const [i, next] of line.slice(1).entries()) {
    const before = line[i]!.personalKey
    const current = membership.ownerKey(membership.identity.owner)?.key
    if (current?.equals(ownerKeyOf(before).publicKey)) membership.merge(nextEpoch(membership, before, next, []))
  }
}
