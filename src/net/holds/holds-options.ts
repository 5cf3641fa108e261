/** What the holds of a device work with. */
import type { BlockSource, BlockStore, Cid } from '../../dfs.ts'
import type { SigningKey } from '../../seal/signing.ts'
import type { Clock } from '../exchange/clock.ts'
import type { HoldLedger } from './ledger.ts'
import type { Prove } from './prover.ts'
import type { Disk } from './room.ts'
import type { DeviceId, OwnerId } from './state.ts'

/** Who belongs to the network. */
export interface HoldMembers {
  ownerOf(device: DeviceId): OwnerId | undefined
  isOwnerRemoved(owner: OwnerId): boolean
}

export interface HoldsOptions {
  readonly self: DeviceId
  readonly key: SigningKey
  /** 32 bytes: names the network. */
  readonly network: Buffer
  /** Of this device. */
  readonly owner: OwnerId
  readonly members: HoldMembers
  readonly ledger: HoldLedger
  readonly store: BlockStore & { delete(cid: Cid): boolean }
  readonly source: BlockSource
  readonly prove: Prove
  /** Hands a message over to a member. Fails if it cannot be reached. */
  readonly transport: (to: DeviceId, message: Buffer) => Promise<void>
  readonly disk: () => Promise<Disk>
  /** This device's running time. */
  readonly nowMs: () => number
  readonly clock: Clock
  /** How many holders a deletion needs. */
  readonly replicas: () => number
  /** How much is held for others at most. */
  readonly offerBytes: () => number
  /** A peer that is silent for so long is waited for no more; for tests. */
  readonly quietMs?: number
}
