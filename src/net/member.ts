/** What there is to say of a network and its members, as `Membership` tells it. */
import type {
  DeviceStatement,
  OwnerStatement,
  RemoveDeviceStatement,
  RemoveOwnerStatement,
} from '../format/membership.ts'

export type NetworkKind = 'private' | 'public'

/** What this device knows without being told: its network and its owner. */
export interface NetworkIdentity {
  readonly kind: NetworkKind
  /** 32 bytes: a private network's first key; a constant for the public one. */
  readonly network: Buffer
  /** 32 bytes: the first key of the owner of this device. */
  readonly owner: Buffer
}

export interface Member {
  readonly deviceId: string
  /** Base32 of the owner's first key. */
  readonly ownerId: string
  readonly name: string
  /** Of the owner, as the network took them in; owners in the public network have none. */
  readonly ownerName: string | undefined
}

/** `own`: a device of the same owner. `removed` never becomes anything else. */
export type Role = 'own' | 'other' | 'removed' | 'stranger'

export interface MembershipChange {
  /** Device ids that are members now and were not. */
  readonly joined: readonly string[]
  /** Device ids that are members no more. */
  readonly left: readonly string[]
  /** The new statements. */
  readonly added: readonly Buffer[]
}

/** What counts, by kind: for whoever signs it anew under a new key. */
export interface CountingStatements {
  readonly owners: readonly OwnerStatement[]
  readonly devices: readonly DeviceStatement[]
  readonly removals: readonly (RemoveOwnerStatement | RemoveDeviceStatement)[]
}
