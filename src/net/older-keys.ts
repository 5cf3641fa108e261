/** The line of an owner's personal keys, as their newest opens it: each sealed the one before. */
import { DfsError } from '../errors.ts'
import type { PersonalKey } from '../seal/keys.ts'
import { openOlderKey, ownerKeyOf } from '../seal/owner-keys.ts'
import type { Membership } from './membership.ts'

/**
 * The personal keys of earlier epochs, the earliest first. Fails with `corrupt` if `newest` is not the key that its owner
 * uses now, as the members know it.
 */
export function olderKeysOf(membership: Membership, newest: PersonalKey): PersonalKey[] {
  const { owner } = membership.identity
  const inUse = membership.ownerKey(owner)
  if (inUse?.epoch !== newest.epoch || !inUse.key.equals(ownerKeyOf(newest.personalKey).publicKey)) {
    throw new DfsError('corrupt', 'the personal key is not the one in use', { op: 'open older keys' })
  }
  const older: PersonalKey[] = []
  let after = newest
  for (const { sealedOlder, epoch } of membership.ownerSuccessions(owner).toReversed()) {
    after = { personalKey: openOlderKey(sealedOlder, after.personalKey, epoch), epoch: epoch - 1 }
    older.unshift(after)
  }
  return older
}
