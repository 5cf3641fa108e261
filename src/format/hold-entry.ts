/**
 * What a device's ledger keeps of the holds of one block: what it promised to others, and what others promised to it.
 * FORMAT.md §12 has the byte table.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { BLOCK_BYTES_MAX } from './block.ts'
import { PUBLIC_KEY_BYTES } from './device-id.ts'
import { HOLD_NONCE_BYTES, writeExactly } from './hold-record.ts'
import { readShardOf, type ShardOf, writeShardOf } from './kept-shards.ts'
import { requireRule, requireVersion } from './refuse.ts'

/** A hold that this device gave. */
export interface PromiseEntry {
  /** 32 bytes: the identity of the device that asked for it. */
  readonly requester: Buffer
  /** 32 bytes: names the requester's owner. */
  readonly owner: Buffer
  /** 16 bytes. */
  readonly nonce: Buffer
  /** When the term ends, in milliseconds of this device's running time. */
  readonly endsMs: number
}

/** A hold that another device gave to this one. */
export interface HeldEntry {
  /** 32 bytes: the identity of the device that gave it. */
  readonly holder: Buffer
  /** 16 bytes. */
  readonly nonce: Buffer
  readonly status: HeldStatus
}

export type HeldStatus = 'held' | 'leaving' | 'releasing'

export interface HoldEntry {
  /** Length of the block. */
  readonly sealedBytes: number
  /** This device asks its holders whether it may delete its copy. */
  readonly evicting: boolean
  /** It has the block for another owner's sake alone: nothing of its own can refer to it. */
  readonly foreign: boolean
  /** In the order in which they were given. */
  readonly promises: readonly PromiseEntry[]
  readonly holds: readonly HeldEntry[]
  /** Where the block is a shard. */
  readonly shard?: ShardOf | undefined
}

const VERSION = 1
const EVICTING = 1
const FOREIGN = 2
const SHARD = 4
/** By number, from 1 on. */
export const HELD_STATUSES: readonly HeldStatus[] = ['held', 'leaving', 'releasing']

export function encodeHoldEntry({ sealedBytes, evicting, foreign, promises, holds, shard }: HoldEntry): Buffer {
  assert(sealedBytes > 0 && sealedBytes <= BLOCK_BYTES_MAX, 'the length of a block')
  const flags = (evicting ? EVICTING : 0) | (foreign ? FOREIGN : 0) | (shard ? SHARD : 0)
  const writer = new Writer().u8(VERSION).u8(flags).u32(sealedBytes).u16(promises.length).u16(holds.length)
  for (const { requester, owner, nonce, endsMs } of promises) {
    writeExactly(writer, requester, PUBLIC_KEY_BYTES)
    writeExactly(writer, owner, PUBLIC_KEY_BYTES)
    writeExactly(writer, nonce, HOLD_NONCE_BYTES)
    writer.u53(endsMs)
  }
  for (const { holder, nonce, status } of holds) {
    writeExactly(writer, holder, PUBLIC_KEY_BYTES)
    writeExactly(writer, nonce, HOLD_NONCE_BYTES)
    writer.u8(HELD_STATUSES.indexOf(status) + 1)
  }
  if (shard !== undefined) writeShardOf(writer, shard)
  return writer.finish()
}

/** Views, not copies. Fails with `corrupt`, `newer-version`. */
export function decodeHoldEntry(bytes: Buffer): HoldEntry {
  const reader = new Reader(bytes)
  requireVersion('hold entry', reader.u8(), VERSION)
  const flags = reader.u8()
  requireRule((flags & ~(EVICTING | FOREIGN | SHARD)) === 0, 'hold entry: unknown flags')
  const sealedBytes = reader.u32()
  requireRule(sealedBytes > 0 && sealedBytes <= BLOCK_BYTES_MAX, 'hold entry: impossible length of a block')
  const [promiseCount, holdCount] = [reader.u16(), reader.u16()]
  const promises = Array.from({ length: promiseCount }, () => readPromise(reader))
  const holds = Array.from({ length: holdCount }, () => readHeld(reader))
  const shard = (flags & SHARD) === 0 ? undefined : readShardOf(reader)
  reader.end()
  const [evicting, foreign] = [(flags & EVICTING) !== 0, (flags & FOREIGN) !== 0]
  return { sealedBytes, evicting, foreign, promises, holds, ...(shard && { shard }) }
}

function readPromise(reader: Reader): PromiseEntry {
  return {
    requester: reader.bytes(PUBLIC_KEY_BYTES),
    owner: reader.bytes(PUBLIC_KEY_BYTES),
    nonce: reader.bytes(HOLD_NONCE_BYTES),
    endsMs: reader.u53(),
  }
}

function readHeld(reader: Reader): HeldEntry {
  const [holder, nonce] = [reader.bytes(PUBLIC_KEY_BYTES), reader.bytes(HOLD_NONCE_BYTES)]
  const status = HELD_STATUSES[reader.u8() - 1]
  requireRule(status !== undefined, 'hold entry: unknown status')
  return { holder, nonce, status }
}
