/**
 * What the holds need of the ledger, and its entries in the words of the machine: devices by their peer ids, owners and
 * nonces as text.
 */
import { decodeBase32, encodeBase32 } from '../../bytes/base32.ts'
import type { Cid } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { deviceIdOf, publicKeyOf } from '../../format/device-id.ts'
import type { HeldStatus, HoldEntry } from '../../format/hold-entry.ts'
import type { ShardOf } from '../../format/kept-shards.ts'
import { type DeviceId, type HoldRecord, NO_HOLDS, type OwnerId } from './state.ts'

/** Where records are kept. Fails, whatever is asked, if it cannot be read; nothing is deleted or promised then. */
export interface HoldLedger {
  get(cid: Cid): HoldEntry | undefined
  /** Resolves once all these entries are durable, or fails and none is; undefined deletes. */
  write(changes: ReadonlyMap<Cid, HoldEntry | undefined>): Promise<void>
  evicting(): AsyncIterable<Cid>
  promised(): AsyncIterable<Cid>
  borrowed(): AsyncIterable<Cid>
  /** Blocks among all these that are shards of this one. */
  shardsOf(block: Cid): AsyncIterable<Cid>
  /** By the holder's identity key. */
  heldBy(holder: Buffer, status: HeldStatus): AsyncIterable<Cid>
  /** So many of those that are `held`, from this digest on in ascending order, and on from the lowest; fewer if that is all. */
  heldFrom(holder: Buffer, digest: Buffer, limit: number): Promise<Cid[]>
  /** The identity keys of all devices with holds. */
  holders(): Promise<Buffer[]>
  /** By owner, in hex. */
  readonly lentTo: ReadonlyMap<string, number>
  readonly lentBytes: number
}

/** What is known of one block. */
export interface BlockRecord {
  /** Length of the block; 0 while nothing is recorded of it. */
  readonly bytes: number
  /** The block is here for another owner's sake alone. */
  readonly isForeign: boolean
  /** Where it is a shard. */
  readonly shard: ShardOf | undefined
  readonly record: HoldRecord
}

const UNKNOWN: BlockRecord = { bytes: 0, isForeign: false, shard: undefined, record: NO_HOLDS }
/** Devices whose names are remembered: base 58 is slow. */
const NAMES_MAX = 4096
const idOfKey = new Map<string, DeviceId>()
const keyOfId = new Map<DeviceId, Buffer>()

export function readRecord(ledger: HoldLedger, cid: Cid): BlockRecord {
  const entry = ledger.get(cid)
  if (entry === undefined) return UNKNOWN
  return {
    bytes: entry.sealedBytes,
    isForeign: entry.foreign,
    shard: entry.shard,
    record: {
      evicting: entry.evicting,
      promises: entry.promises.map(({ requester, owner, nonce, endsMs }) => ({
        requester: deviceOf(requester),
        owner: encodeBase32(owner),
        nonce: nonce.toString('hex'),
        endsMs,
      })),
      holds: entry.holds.map(({ holder, nonce, status }) => ({
        holder: deviceOf(holder),
        nonce: nonce.toString('hex'),
        status,
      })),
    },
  }
}

/** Undefined for a record that need not be kept. */
export function entryOf({ bytes, isForeign, shard, record }: BlockRecord): HoldEntry | undefined {
  const { evicting, promises, holds } = record
  if (!evicting && promises.length === 0 && holds.length === 0) return undefined
  return {
    sealedBytes: bytes,
    foreign: isForeign,
    evicting,
    promises: promises.map(({ requester, owner, nonce, endsMs }) => ({
      requester: keyOf(requester),
      owner: ownerKeyOf(owner),
      nonce: Buffer.from(nonce, 'hex'),
      endsMs,
    })),
    holds: holds.map(({ holder, nonce, status }) => ({
      holder: keyOf(holder),
      nonce: Buffer.from(nonce, 'hex'),
      status,
    })),
    ...(shard && { shard }),
  }
}

export function deviceOf(key: Buffer): DeviceId {
  return remembered(idOfKey, key.toString('latin1'), () => deviceIdOf(key))
}

/** Fails with `invalid` for what is no device's id. */
export function keyOf(device: DeviceId): Buffer {
  return remembered(keyOfId, device, () => {
    const key = publicKeyOf(device)
    if (key === undefined) throw new DfsError('invalid', 'is no id of a device', { op: 'hold', subject: device })
    return key
  })
}

export function ownerKeyOf(owner: OwnerId): Buffer {
  return decodeBase32(owner)
}

function remembered<V>(known: Map<string, V>, name: string, find: () => V): V {
  const found = known.get(name) ?? find()
  if (known.size >= NAMES_MAX) known.clear()
  known.set(name, found)
  return found
}
