/**
 * How many holders count: distinct other devices that are members; of all devices of another owner together, one. Who
 * does not own a device cannot tell whether two of them share a disk.
 */
import type { DeviceId, HoldRecord } from './state.ts'
import type { View } from './transition.ts'

type Members = Pick<View, 'self' | 'ownerOf'>

export type CountedMembers = Members

/** Of these devices; 0 if this device is no member itself. */
export function countHolders(holders: Iterable<DeviceId>, members: Members): number {
  const counted = new Set<string>()
  for (const holder of holders) {
    const place = countedAs(holder, members)
    if (place !== undefined) counted.add(place)
  }
  return counted.size
}

/** Devices that count as one have the same; undefined for one that does not count. */
export function countedAs(holder: DeviceId, { self, ownerOf }: Members): string | undefined {
  const [own, owner] = [ownerOf(self), ownerOf(holder)]
  if (own === undefined || owner === undefined || holder === self) return undefined
  return owner === own ? `device ${holder}` : `owner ${owner}`
}

/** The N of `replicated N/M`: by the record, without asking anybody. */
export function countHolds({ holds }: HoldRecord, members: Members): number {
  return countHolders(
    holds.filter(({ status }) => status === 'held').map(({ holder }) => holder),
    members,
  )
}

/** Whether these holders are as many as a deletion needs. */
export function areEnough(holders: Iterable<DeviceId>, view: Members & Pick<View, 'replicas'>): boolean {
  return countHolders(holders, view) >= Math.max(1, view.replicas)
}
