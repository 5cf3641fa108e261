/** What replication works with: the narrow sides of holds, heads and membership that it needs. */
import type { HeadLabel } from '../../format/head-record.ts'
import type { HoldService } from '../../net/holds/hold-service.ts'
import type { DeviceId, OwnerId } from '../../net/holds/state.ts'
import type { HeadBlock } from '../heads/head-keeper.ts'

/** Who owns which device, seen from this one. */
export interface MembersView {
  readonly self: DeviceId
  /** Undefined for devices that are no members, or no more. */
  ownerOf(device: DeviceId): OwnerId | undefined
}

export type Holds = Pick<HoldService, 'ask' | 'holdersOf' | 'evict' | 'offerOf' | 'onHolderLost' | 'lent' | 'shards'>

/** Names a head of this device. */
export type HeadName = Pick<HeadLabel, 'incarnation' | 'sequence'>

export interface Head {
  readonly label: HeadName
}

/** The side of `HeadKeeper` that has blocks placed and heads given. */
export interface Heads {
  readonly current: Head | undefined
  onHead(listener: (head: Head, added: AsyncIterable<HeadBlock>, signal: AbortSignal) => Promise<void>): () => void
  blocks(signal?: AbortSignal): AsyncIterable<HeadBlock>
  giveTo(holder: DeviceId, signal?: AbortSignal): Promise<void>
  /** The device is there, or may be: if it keeps a head and lacks the newest, it is given that now. */
  memberCame(device: DeviceId): void
}
