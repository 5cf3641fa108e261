/**
 * What one device knows of one block's holds: what it promised to others, what others promised to it, and whether it
 * is about to delete the block.
 *
 * A device is *free*, *holding* (it promised somebody to keep the block) or *evicting* (it asks its holders whether it
 * may delete its own copy). It is never holding and evicting at once.
 */

/** A device's peer id. */
export type DeviceId = string
/** Base32 of an owner's first key. */
export type OwnerId = string
/** 16 random bytes in hex; never used twice. */
export type Nonce = string
/** Of one run of a device: 8 random bytes in hex, drawn anew at each start. */
export type Incarnation = string

/** A hold that this device gave. Named by its requester and nonce. */
export interface Promised {
  readonly requester: DeviceId
  readonly owner: OwnerId
  readonly nonce: Nonce
  /** When the term ends, in this device's running time (milliseconds). */
  readonly endsMs: number
}

/** A hold that another device gave to this one. */
export interface Held {
  readonly holder: DeviceId
  readonly nonce: Nonce
  /**
   * `held`: counts. `leaving`: the holder is bound and asked to be let go; no new eviction counts on it.
   * `releasing`: this device let it go, and has not heard yet that the holder knows; never counts again.
   */
  readonly status: 'held' | 'leaving' | 'releasing'
}

/** The durable part: one record for each block that has one. */
export interface HoldRecord {
  readonly evicting: boolean
  /** In the order in which they were given. */
  readonly promises: readonly Promised[]
  readonly holds: readonly Held[]
}

/** A holder whose word is waited for. */
export interface Asked {
  readonly holder: DeviceId
  /** Of the first message that came from the holder after it was asked. */
  readonly incarnation: Incarnation | undefined
  /** Whether it gave the new hold. */
  readonly confirmed: boolean
}

/**
 * What enough new holds are asked for: `delete`, this device's copy is to be deleted; `rely`, the device is to lose what it
 * can make the block of (it is a shard of a block that is here); else a holder is to be let go that it needs.
 */
export type Aim = 'delete' | 'rely' | { readonly without: DeviceId }

/** What a device asks its holders before it depends on them. */
export interface Question {
  /** Of the new hold that each of them is asked for. */
  readonly nonce: Nonce
  readonly aim: Aim
  /** Holders whose word still can count, each once. */
  readonly asked: readonly Asked[]
}

/** The part that a restart forgets. */
export interface HoldMemory {
  /** Hold requests that were not answered yet, but for those of the question: at most one a device. */
  readonly requests: readonly { readonly holder: DeviceId; readonly nonce: Nonce }[]
  readonly question: Question | undefined
}

export interface BlockHolds {
  readonly record: HoldRecord
  readonly memory: HoldMemory
}

export type Mode = 'free' | 'holding' | 'evicting'

/** Of a block that nothing is recorded of. A record equal to it need not be kept. */
export const NO_HOLDS: HoldRecord = { evicting: false, promises: [], holds: [] }
export const NOTHING_ASKED: HoldMemory = { requests: [], question: undefined }

export function modeOf({ evicting, promises }: HoldRecord): Mode {
  if (evicting) return 'evicting'
  return promises.length > 0 ? 'holding' : 'free'
}
